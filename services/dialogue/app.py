"""The composition root of the dialogue service: the only place that builds and wires."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from voicemesh.content.v1 import content_service_pb2
from voicemesh.content.v1.content_service_pb2_grpc import add_ContentServiceServicer_to_server
from voicemesh.dialogue.v1 import dialogue_service_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import add_DialogueServiceServicer_to_server

from mesh import logs
from mesh.bus.early import EarlyPublisher
from mesh.database import database, migrate, sqlite_url
from mesh.outbox import Outbox
from mesh.serving import Runtime
from services.dialogue import model
from services.dialogue.actions import Actions, installed_actions
from services.dialogue.actions.http import http_transport
from services.dialogue.adapters.asr import Endpointing
from services.dialogue.adapters.early import Signs, WatchedNeighbours
from services.dialogue.adapters.events import CallEvents
from services.dialogue.adapters.neighbours import GrpcNeighbours
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.records import StoredCall, stored_call
from services.dialogue.adapters.recovery import Recovery
from services.dialogue.adapters.snapshots import Snapshots
from services.dialogue.adapters.store import OUTBOX
from services.dialogue.admission import Places
from services.dialogue.call import Calls
from services.dialogue.config import DialogueSettings
from services.dialogue.content.access import ContentAccess
from services.dialogue.content.erasure import Erasures
from services.dialogue.content.filing import Filing
from services.dialogue.content.recordings import Recordings
from services.dialogue.content.retention import Retention, Sweeper
from services.dialogue.content.servicer import ContentServicer
from services.dialogue.dispositions.summarisers import Summariser, summariser
from services.dialogue.domains import time_zones
from services.dialogue.flow import installed_policy
from services.dialogue.flow.reload import FlowReload
from services.dialogue.handlers import Conversations
from services.dialogue.limits import Limits
from services.dialogue.phrases import Phrases
from services.dialogue.policies import chosen_policy
from services.dialogue.policy import DomainInfo, TurnTaking
from services.dialogue.ports import Neighbours
from services.dialogue.servicer import DialogueServicer
from services.dialogue.translation.opus import OpusTranslator
from services.dialogue.translation.summary import TranslatedSummaries
from services.dialogue.turns.desk import Pace
from services.dialogue.turns.habits import SpeechHabits

_log = logs.get_logger(__name__)
_DATABASE_VARIABLE = "VOICEMESH_DIALOGUE_DATABASE_URL"


async def build(settings: DialogueSettings, runtime: Runtime) -> None:
    """Wire the service."""
    flows = installed_policy(settings.domains_dir)
    transport = await runtime.stack.enter_async_context(http_transport())
    actions = Actions(installed_actions(transport, settings.domains_dir), settings.dialogue_action_timeout_s)
    policy = await runtime.stack.enter_async_context(chosen_policy(settings, flows, actions))
    url = settings.dialogue_database_url.get_secret_value() or sqlite_url(settings.state_dir / "dialogue.db")
    await migrate(url, "services.dialogue", variable=_DATABASE_VARIABLE)
    engine = await runtime.stack.enter_async_context(database(url, variable=_DATABASE_VARIABLE))
    outbox = Outbox(engine, OUTBOX)
    # In this order: at the end the recorder writes all that waits, then the outbox publishes it.
    await runtime.stack.enter_async_context(outbox.relaying(settings.nats_url, "/voicemesh/dialogue"))
    chosen = _summariser(settings, flows.domains(), runtime)
    contents = settings.content_store()
    filing = Filing(engine, contents) if settings.dialogue_keep_transcripts else None
    if filing is not None:
        runtime.tasks.create_task(filing.run())
    recordings = Recordings(engine, contents) if settings.dialogue_keep_audio else None
    if recordings is not None:
        runtime.tasks.create_task(recordings.run())
    made = recorder(outbox, runtime.instance, summariser=chosen, filing=filing, recordings=recordings)
    records = await runtime.stack.enter_async_context(made)
    recovery = Recovery(engine, records, policy, settings.dialogue_lease_s)
    runtime.tasks.create_task(recovery.run())

    snapshots = Snapshots(settings.nats_url, settings.dialogue_session_limit_s)
    runtime.tasks.create_task(snapshots.run())

    reload = FlowReload(flows, settings.dialogue_flow_reload_s, settings.dialogue_session_limit_s, settings.domains_dir)
    if settings.dialogue_flow_reload_s:
        runtime.tasks.create_task(reload.run())

    places = Places(settings.dialogue_max_sessions)

    def record(info: model.SessionInfo) -> AbstractContextManager[StoredCall]:
        return stored_call(records, info)

    conversations = Conversations(
        policy=policy,
        neighbours=_watched(settings, runtime, await _neighbours(settings, runtime), records.calls),
        record=record,
        engine=engine,
        limits=Limits(
            session_s=settings.dialogue_session_limit_s,
            silence_s=settings.dialogue_silence_s,
            forward_ms=lambda: settings.dialogue_forward_busy_ms if places.busy else settings.dialogue_forward_ms,
            drain_s=settings.drain_s,
            resume_s=settings.dialogue_resume_s,
            pace=_pace(settings),
        ),
        text_silence_s=settings.dialogue_text_silence_s,
        places=places,
        draining=runtime.draining,
        instance=runtime.instance,
        phrases=Phrases(settings.domains_dir),
        habits=SpeechHabits(settings.domains_dir),
        actions=actions,
        time_zones=time_zones(settings.domains_dir),
        calls=Calls(runtime.tasks, settings.dialogue_resume_s),
        snapshots=snapshots,
    )
    runtime.add_servicer(
        add_DialogueServiceServicer_to_server,
        DialogueServicer(conversations, settings.dialogue_start_limit_s),
        dialogue_service_pb2.DESCRIPTOR.services_by_name["DialogueService"],
    )
    erasures = Erasures(engine, outbox, contents, settings.region)
    runtime.tasks.create_task(erasures.listen(settings.nats_url))
    runtime.tasks.create_task(erasures.run())
    sweeper = Sweeper(engine, contents, _retention(settings), runtime.instance, settings.dialogue_sweep_s)
    runtime.tasks.create_task(sweeper.run())
    runtime.add_servicer(
        add_ContentServiceServicer_to_server,
        ContentServicer(ContentAccess(engine, outbox, contents)),
        content_service_pb2.DESCRIPTOR.services_by_name["ContentService"],
    )


def _summariser(settings: DialogueSettings, domains: Sequence[DomainInfo], runtime: Runtime) -> Summariser | None:
    """Return what writes summaries, in the business systems' language where one is set."""
    chosen = summariser(settings.dialogue_summariser)
    target = settings.dialogue_crm_language
    if not target:
        return chosen
    translator = OpusTranslator(settings.cache_dir)
    runtime.stack.callback(translator.close)
    spoken = {language.partition("-")[0] for domain in domains for language in domain.languages}
    for source in sorted(spoken - {target}):
        if lacking := translator.lacking(source, target):
            _log.warning("translation.missing", detail=lacking)
    return TranslatedSummaries(translator, target, chosen)


def _watched(
    settings: DialogueSettings, runtime: Runtime, neighbours: Neighbours, calls: Mapping[str, CallEvents]
) -> Neighbours:
    """Return the neighbours, with early events told of what they say where that is wanted."""
    if not settings.dialogue_early_events:
        return neighbours
    early = EarlyPublisher()
    runtime.tasks.create_task(early.run(settings.nats_url, "/voicemesh/dialogue"))
    urgent = frozenset(name.strip() for name in settings.dialogue_urgent_intents.split(",") if name.strip())
    return WatchedNeighbours(neighbours, Signs(urgent), early.tell, calls)


def _retention(settings: DialogueSettings) -> Retention:
    return Retention(
        transcripts=timedelta(days=settings.dialogue_transcript_days),
        recordings=timedelta(days=settings.dialogue_audio_days),
        accesses=timedelta(days=settings.dialogue_access_days),
    )


def _pace(settings: DialogueSettings) -> Pace:
    taking = TurnTaking(
        shortest_pause=settings.dialogue_shortest_pause_ms / 1000,
        longest_pause=settings.dialogue_longest_pause_ms / 1000,
        barge_in_speaking=settings.dialogue_barge_in_speaking_ms / 1000,
        barge_in_thinking=settings.dialogue_barge_in_thinking_ms / 1000,
    )
    return Pace(
        taking,
        repair_s=settings.dialogue_repair_ms / 1000,
        filler_s=settings.dialogue_filler_ms / 1000,
        keys_s=settings.dialogue_keys_ms / 1000,
    )


async def _neighbours(settings: DialogueSettings, runtime: Runtime) -> GrpcNeighbours:
    endpointing = Endpointing(
        speculate_s=settings.dialogue_speculate_ms / 1000,
        end_s=settings.dialogue_longest_pause_ms / 1000,
        session_s=settings.dialogue_session_limit_s,
    )
    return GrpcNeighbours(
        asr=await runtime.connect("asr", settings.asr_target, "VOICEMESH_ASR_TARGET"),
        nlu=await runtime.connect("nlu", settings.nlu_target, "VOICEMESH_NLU_TARGET"),
        tts=await runtime.connect("tts", settings.tts_target, "VOICEMESH_TTS_TARGET"),
        crm_gateway=await runtime.connect("crm", settings.crm_target, "VOICEMESH_CRM_TARGET"),
        consent_service=await runtime.connect("consent", settings.consent_target, "VOICEMESH_CONSENT_TARGET"),
        endpointing=endpointing,
        consent_timeout_s=settings.dialogue_consent_timeout_s,
    )
