"""What a process that keeps content can be told."""

from pydantic import Field, SecretStr

from mesh.config import ServiceSettings
from mesh.content.keys import open_keys
from mesh.content.store import ContentStore, open_store


class ContentSettings(ServiceSettings):
    """Where content lies and what it is encrypted with."""

    content_url: str = Field(
        "", description="file:///FOLDER or s3://BUCKET/PREFIX; empty: a folder in the state folder"
    )
    content_keys: SecretStr = Field(
        SecretStr(""), description="file of keys, or the keys themselves as JSON; empty: a file in the state folder"
    )

    def content_store(self) -> ContentStore:
        """Open the store.

        Raises:
            ConfigError: the store's URL or the keys cannot be used.
        """
        keys = open_keys(self.content_keys.get_secret_value(), self.state_dir / "content-keys.json")
        return open_store(self.content_url, keys, self.state_dir / "content")
