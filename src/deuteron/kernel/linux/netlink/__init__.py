"""An own netlink codec: primitive values in, bytes out; bytes in, frozen records out.

One file per kind of message, each with its builders and its parser; none knows the
engine's objects.  ``socket`` sends what they build::

    with NetlinkSocket() as rt:
        acks = rt.batch([link.new_bridge("br0", mac, 1500, index=7), address.new(7, "10.0.0.1/24")])
        links = [link.parse(payload) for payload in rt.dump(link.dump())]
"""
