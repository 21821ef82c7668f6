"""Starts a mesh on this machine: the bundled broker and every service, each its own process.

::

    async with launch(LaunchOptions(state_dir=folder)) as mesh:
        channel = grpc.aio.insecure_channel(mesh.addresses["dialogue"])
"""

from voicemesh_cli.launcher.mesh import RunningMesh, launch
from voicemesh_cli.launcher.options import SERVICES, LaunchOptions, ServiceSpec
from voicemesh_cli.launcher.process import LaunchError

__all__ = ["SERVICES", "LaunchError", "LaunchOptions", "RunningMesh", "ServiceSpec", "launch"]
