"""The state directory: what was committed, what is being changed, what failed, and whose host this is."""

from deuteron.state.directory import State, default_state_dir

__all__ = ["State", "default_state_dir"]
