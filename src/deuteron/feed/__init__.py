"""Between the API and the agents of the hosts: what a host has to know, and what became of it there."""
