"""What `voicemesh doctor` says of models that may be pulled."""

from mesh.models import ModelStore
from voicemesh_cli.health import State, translations


def test_translation_models_that_are_not_there_are_named_with_their_command(tmp_path):
    checks = {check.name: check for check in translations(tmp_path)}
    assert set(checks) == {"opus-mt/es-en", "opus-mt/en-es"}
    assert all(check.state is State.OPTIONAL for check in checks.values())
    assert checks["opus-mt/es-en"].remedy.endswith("voicemesh models pull opus-mt/es-en")


def test_a_translation_model_that_is_there_is_said(tmp_path):
    store = ModelStore(tmp_path)
    model = store.manifest.get("opus-mt/es-en")
    for file in model.file:
        path = store.file_path(model, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * max(file.size or 1, 1))
    checks = {check.name: check for check in translations(tmp_path)}
    assert checks["opus-mt/es-en"].state is State.OK
    assert checks["opus-mt/en-es"].state is State.OPTIONAL
