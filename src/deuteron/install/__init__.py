"""The files that make ``apply --watch`` or ``serve`` services of systemd: laying down, taking away."""
