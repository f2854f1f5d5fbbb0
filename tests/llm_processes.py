"""One of the processes of `test_llm_conformance.test_two_processes_train_as_by_trl`."""

import os
import sys
from pathlib import Path

import trl

from socialpref.llm.trainer import PreferenceTrainer

from .llm_small import made_small
from .test_llm_conformance import SETUPS, assert_same, trained, trainer_of


def compare(folder: Path) -> None:
    """Train both trainers in this process and the others, and compare them."""
    small = made_small()
    setups = ("existing adapter, no reference", "half precision")
    # All at once: with the first trainer, one process becomes the one that saves models.
    for made in [SETUPS[setup](small, folder) for setup in setups]:
        made["ddp_backend"] = "gloo"
        ours, trls = (
            trained(trainer_of(kind, made, folder, small))
            for kind in (PreferenceTrainer, trl.DPOTrainer)
        )
        assert_same(ours, trls)
    print(f"the same in {ours.accelerator.num_processes} processes", flush=True)


if __name__ == "__main__":
    compare(Path(sys.argv[1]) / os.environ["RANK"])
