"""A protoc plugin that writes *_pb2_grpc.py: grpcio-tools has the generator only inside its own protoc.

It also writes the mark that the stubs have types (PEP 561).
"""

import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from grpc_tools import protoc


def main() -> int:
    """Answer the request on stdin."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "files.binpb")
        files.write_bytes(descriptor_pb2.FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = Path(folder, "out")
        out.mkdir()
        services = [name for name in request.file_to_generate if name.endswith("_service.proto")]
        code = protoc.main(["protoc", f"--descriptor_set_in={files}", f"--grpc_python_out={out}", *services])
        if code != 0:
            return int(code)
        for path in sorted(out.rglob("*.py")):
            response.file.add(name=path.relative_to(out).as_posix(), content=path.read_text())
    response.file.add(name="voicemesh/py.typed", content="")
    sys.stdout.buffer.write(response.SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main())
