from __future__ import annotations

import errno

import pytest

from deuteron.kernel.linux.netlink.errors import refused


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EEXIST, "eexist"), (errno.ENOENT, "enoent"), (524, "errno-524")]
)
def test_the_code_is_the_errnos_name(number: int, code: str) -> None:
    assert refused(number).code == code
    assert refused(number).errno == number


def test_the_sentence_names_the_place_and_the_kernels_own_words() -> None:
    error = refused(errno.EEXIST, "ipv4: Address already assigned.", "the address on qr-0123")
    assert str(error) == (
        "the kernel refused the address on qr-0123: File exists (ipv4: Address already assigned)"
    )


def test_missing_privilege_comes_with_its_mend() -> None:
    assert "CAP_NET_ADMIN" in str(refused(errno.EPERM))
