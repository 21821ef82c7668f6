"""Models that are pulled from a model hub: what there is, where it lies on disk, and whether it is right.

Services use `ModelStore(settings.cache_dir).path("whisper/base.en")`. Pulling (`mesh.models.download`, which needs
httpx) is the command line's work: `voicemesh models pull whisper/base.en`.
"""

from mesh.models.manifest import Manifest, Model, ModelFile, ModelSettings, load_manifest
from mesh.models.store import FileState, ModelError, ModelMissingError, ModelStore

__all__ = [
    "FileState",
    "Manifest",
    "Model",
    "ModelError",
    "ModelFile",
    "ModelMissingError",
    "ModelSettings",
    "ModelStore",
    "load_manifest",
]
