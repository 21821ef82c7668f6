"""onnxruntime as the services use it: on shared cores, and silent."""

import onnxruntime

# What runs here is nobody else's business.
onnxruntime.disable_telemetry_events()


def open_session(path: str, threads: int) -> onnxruntime.InferenceSession:
    """Load a model for the CPU; its `threads` threads sleep while they wait, since the cores are shared."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
