"""`python -m voicemesh_cli` is `voicemesh`."""

from voicemesh_cli.main import main

main()
