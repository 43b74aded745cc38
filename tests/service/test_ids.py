"""Ids are random UUIDs of their own, whoever takes them, and after a fork too."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from deuteron.service.ids import new_id


def test_an_id_is_a_random_uuid_as_uuid_itself_writes_it() -> None:
    made = [new_id() for _ in range(2000)]
    read = [UUID(one) for one in made]
    assert [str(one) for one in read] == made
    assert {(one.version, one.variant) for one in read} == {(4, RFC_4122)}
    # Each of the 122 random bits is set in about half of them; six sigma of 2,000 is 134.
    fixed = 0xF000_C000_0000_0000_0000
    counts = [sum(one.int >> bit & 1 for one in read) for bit in range(128) if not fixed >> bit & 1]
    assert len(counts) == 122
    assert all(abs(count - 1000) < 140 for count in counts)


def test_threads_are_given_different_ones() -> None:
    with ThreadPoolExecutor(4) as pool:
        given = [
            one for some in pool.map(lambda _: [new_id() for _ in range(2000)], range(4)) for one in some
        ]
    assert len(set(given)) == 8000


def test_a_forked_process_is_given_others() -> None:
    new_id()  # so that there are some ready
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, "".join(new_id() for _ in range(20)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    theirs = {said[at : at + 36] for at in range(0, len(said), 36)}
    assert len(theirs) == 20
    assert not theirs & {new_id() for _ in range(1000)}
