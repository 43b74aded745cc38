"""The files that make ``apply --watch`` a service of systemd: laying them down, and taking them away."""
