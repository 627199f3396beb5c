"""What the stages of .chalice/config.json say."""

from __future__ import annotations

import os
from pathlib import Path

from chalice.cli.factory import CLIFactory
from chalice.config import Config

PROJECT = Path(__file__).parents[1]


def config_of(stage: str) -> Config:
    """The configuration of a stage."""
    return CLIFactory(str(PROJECT)).create_config_obj(stage)


def use_environment_of(stage: str, **more: str) -> None:
    """Let this process have the settings of a stage, where the environment says nothing else."""
    for name, value in {**more, **config_of(stage).environment_variables}.items():
        os.environ.setdefault(name, value)
