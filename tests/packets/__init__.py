"""What no namespace may let through or answer, packet by packet, on the real kernel."""
