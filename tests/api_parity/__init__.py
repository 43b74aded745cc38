"""The same requests to a real neutron-server and to ``deuteron serve``, and what they answer differently."""
