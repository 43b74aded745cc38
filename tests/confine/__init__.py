"""The watch as it is confined: what it may not do any more, and that it still does what it is for."""
