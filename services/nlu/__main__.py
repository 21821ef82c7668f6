"""Run the service: `python -m services.nlu`."""

import os

# The head works on small matrices: threads cost more than they compute. This is read when numpy is
# loaded, so it stands before everything that loads numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from mesh.runner import run
from services.nlu.app import build
from services.nlu.config import NluSettings

if __name__ == "__main__":
    run(NluSettings, build, service="nlu")
