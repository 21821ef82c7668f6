"""References to content: what travels instead of what was said."""

import re
from dataclasses import dataclass

from voicemesh.common.v1.content_pb2 import ContentReference

from mesh.content.errors import ContentUriError

_PREFIX = "content:///"
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a tenant's content lies, and what lies there. The tenant is not part of it: who asks has one."""

    uri: str
    sha256: str
    media_type: str
    size: int

    def to_proto(self) -> ContentReference:
        """Return the reference as it travels."""
        return ContentReference(uri=self.uri, sha256=self.sha256, media_type=self.media_type, size=self.size)


def uri_of(path: str) -> str:
    """Return the URI of a path within a tenant's content."""
    return _PREFIX + checked_path(path)


def path_of(uri: str) -> str:
    """Return the path within a tenant's content that a URI names; what follows a `#` names a part of it.

    Raises:
        ContentUriError: it names none.
    """
    if not uri.startswith(_PREFIX):
        raise ContentUriError(f"{uri!r} is no address of content: expected {_PREFIX}PATH")
    return checked_path(uri.removeprefix(_PREFIX).partition("#")[0])


def checked_path(path: str) -> str:
    """Return the path if it can be one. Raises ContentUriError."""
    if not _PATH.fullmatch(path) or len(path) > 512:
        raise ContentUriError(f"{path!r} is no path of content: letters, digits and . _ - between slashes")
    return path


def checked_tenant(tenant_id: str) -> str:
    """Return the tenant if it can be one. Raises ContentUriError."""
    if not _TENANT.fullmatch(tenant_id):
        raise ContentUriError(f"{tenant_id!r} is no tenant: lower-case letters, digits and hyphens")
    return tenant_id
