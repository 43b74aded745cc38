"""What a client of Neutron finds: paths, methods, queries, links, headers, and the bodies of errors."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deuteron.api.limits import Limits
from tests.api.shelf import Shelf, api, ask

ERROR = "NeutronError"


def refused(answer: Any, status: int, kind: str, message: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json() == {ERROR: {"type": kind, "message": message, "detail": ""}}
    assert answer.headers["content-type"] == "application/json"


def shelf_of(*names: str) -> Shelf:
    shelf = Shelf()
    shelf.networks = {one: {"id": one, "name": one} for one in names}
    return shelf


def test_the_root_names_the_version() -> None:
    assert ask(api(), "GET", "/").json() == {
        "versions": [
            {
                "id": "v2.0",
                "status": "CURRENT",
                "links": [{"rel": "self", "href": "http://127.0.0.1:9696/v2.0/"}],
            }
        ]
    }


def test_the_version_names_the_core_resources() -> None:
    listed = ask(api(), "GET", "/v2.0/").json()["resources"]
    assert [one["collection"] for one in listed] == ["networks", "subnets", "subnetpools", "ports"]
    assert listed[0] == {
        "name": "network",
        "collection": "networks",
        "links": [{"rel": "self", "href": "http://127.0.0.1:9696/v2.0/networks"}],
    }
    refused(ask(api(), "GET", "/v2.0"), 404, "HTTPNotFound", "The resource could not be found.")


@pytest.mark.parametrize(
    "path", ["/v2.0/nothing", "/v2.0/networks/a/b/c/d", "/v3", "/v2.0/networks//tags", "/v2.00/x"]
)
def test_an_unknown_path_is_neutrons_404(path: str) -> None:
    refused(ask(api(), "GET", path), 404, "HTTPNotFound", "The resource could not be found.")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v2.0/networks", "GET, POST"),
        ("DELETE", "/v2.0/networks", "GET, POST"),
        ("PATCH", "/v2.0/networks/n", "DELETE, GET, PUT"),
        ("POST", "/v2.0/networks/n", "DELETE, GET, PUT"),
        ("GET", "/v2.0/routers/r/add_router_interface", "PUT"),
        ("POST", "/v2.0/routers", "GET"),
        ("POST", "/", "GET"),
    ],
)
def test_another_method_is_neutrons_405_and_names_those_that_are_allowed(
    method: str, path: str, allow: str
) -> None:
    answer = ask(api(), method, path)
    sentence = (
        "The server could not comply with the request since it is either malformed or otherwise incorrect."
    )
    refused(answer, 405, "HTTPMethodNotAllowed", sentence)
    assert answer.headers["allow"] == allow


def test_head_is_a_405_and_options_tell_the_methods() -> None:
    assert ask(api(), "HEAD", "/v2.0/networks").status_code == 405
    told = ask(api(), "OPTIONS", "/v2.0/networks/n")
    assert (told.status_code, told.content, told.headers["allow"]) == (204, b"", "DELETE, GET, PUT")


def test_each_answer_has_a_request_id_of_its_own() -> None:
    form = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    shelf = Shelf()
    given = "req-11111111-2222-3333-4444-555555555555"
    answers = [
        ask(api(shelf), "GET", path, headers={"X-Openstack-Request-Id": given})
        for path in ("/v2.0/networks", "/v2.0/x")
    ]
    ids = {one.headers["x-openstack-request-id"] for one in answers}
    assert len(ids) == 2
    assert all(form.fullmatch(one) for one in ids)
    assert given not in ids
    assert shelf.call is not None
    assert shelf.call.caller.request_id in ids


def test_an_unknown_token_is_keystones_401_with_its_challenge() -> None:
    answer = ask(
        api(www_authenticate='Keystone uri="http://keystone/"'),
        "GET",
        "/v2.0/nothing",
        headers={"X-Auth-Token": "wrong"},
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Keystone uri="http://keystone/"'
    message = "The request you have made requires authentication."
    assert answer.json() == {"error": {"code": 401, "title": "Unauthorized", "message": message}}
    assert ask(api(), "GET", "/", headers={"X-Auth-Token": "wrong"}).status_code == 200


def test_a_defect_tells_a_client_nothing_and_is_reported() -> None:
    """OSSA-2017-001: neither headers nor body come back, or go anywhere but to who keeps defects."""
    shelf = Shelf()
    defects: list[BaseException] = []
    shelf.fails = ValueError("secret-canary")
    answer = ask(api(shelf, defects), "GET", "/v2.0/networks", headers={"X-Auth-Token": "secret-canary"})
    sentence = "Request Failed: internal server error while processing your request."
    refused(answer, 500, "HTTPInternalServerError", sentence)
    assert defects == [shelf.fails]


@pytest.mark.parametrize(
    ("path", "action", "ids"),
    [
        ("/v2.0/networks", "index", ("", "", "")),
        ("/v2.0/networks.json", "index", ("", "", "")),
        ("/v2.0/networks/", "index", ("", "", "")),
        ("/v2.0/networks/n", "show", ("n", "", "")),
        ("/v2.0/networks/n.json", "show", ("n", "", "")),
        ("/v2.0/networks/n/tags", "tags.index", ("n", "", "")),
        ("/v2.0/networks/n/tags/a%2Fb%20c", "tags.show", ("n", "", "a/b c")),
    ],
)
def test_a_path_becomes_a_call(path: str, action: str, ids: tuple[str, str, str]) -> None:
    shelf = shelf_of("n")
    assert ask(api(shelf), "GET", path).status_code == 200
    call = shelf.call
    assert call is not None
    assert (call.action, (call.id, call.parent, call.sub)) == (action, ids)


def test_an_action_of_a_router_is_a_put_with_its_body_as_it_came() -> None:
    shelf = Shelf()
    assert (
        ask(api(shelf), "PUT", "/v2.0/routers/r/add_router_interface", json={"subnet_id": "s"}).status_code
        == 200
    )
    assert shelf.call is not None
    assert (shelf.call.action, shelf.call.id, shelf.call.body) == (
        "add_router_interface",
        "r",
        {"subnet_id": "s"},
    )


def test_filters_are_alternatives_of_converted_values() -> None:
    shelf = Shelf()
    path = "/v2.0/networks?name=a&name=b&admin_state_up=False&tenant_id=t&router:external=1&tags=x,y&name="
    assert ask(api(shelf), "GET", path).status_code == 200
    assert shelf.call is not None
    assert shelf.call.query is not None
    assert dict(shelf.call.query.filters) == {
        "name": ("a", "b", ""),
        "admin_state_up": (False,),
        "tenant_id": ("t",),
        "router:external": (True,),
        "tags": ("x,y",),
    }


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        ("colour=red&colour=x&a=1", "HTTPBadRequest", "['colour', 'a'] is invalid attribute for filtering"),
        ("sort_key=name", "HTTPBadRequest", "The number of sort_keys and sort_dirs must be same"),
        ("sort_key=tags&sort_dir=asc", "HTTPBadRequest", "['tags'] is invalid attribute for sort_keys"),
        (
            "sort_key=name&sort_dir=up",
            "HTTPBadRequest",
            "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'",
        ),
        ("limit=-1", "BadRequest", "Bad limit request: Limit must be an integer 0 or greater and not '-1'."),
        ("limit=", "BadRequest", "Bad limit request: Limit must be an integer 0 or greater and not ''."),
        (
            "limit=" + "9" * 30,
            "BadRequest",
            f"Bad limit request: Limit must be an integer 0 or greater and not '{'9' * 30}'.",
        ),
        (
            "admin_state_up=maybe",
            "InvalidInput",
            "Invalid input for operation: 'maybe' cannot be converted to boolean.",
        ),
        ("mtu=1.5", "InvalidInput", "Invalid input for operation: '1.5' is not an integer."),
        ("name=%ff", "HTTPBadRequest", "The query is not UTF-8"),
    ],
)
def test_a_wrong_query_is_a_400_with_neutrons_sentence(query: str, kind: str, message: str) -> None:
    refused(ask(api(), "GET", f"/v2.0/networks?{query}"), 400, kind, message)


def test_sort_keys_go_with_their_directions_and_the_first_of_two_counts() -> None:
    shelf = Shelf()
    path = "/v2.0/networks?sort_key=name&sort_dir=desc&sort_key=id&sort_dir=asc&sort_key=name&sort_dir=asc"
    assert ask(api(shelf), "GET", path).status_code == 200
    assert shelf.call is not None
    assert shelf.call.query is not None
    assert shelf.call.query.sort == (("name", False), ("id", True))


def test_fields_choose_what_is_shown_and_unknown_ones_want_nothing() -> None:
    shelf = shelf_of("n")
    ask(api(shelf), "GET", "/v2.0/networks?fields=id&fields=tenant_id&fields=colour")
    assert shelf.call is not None
    assert shelf.call.fields == frozenset({"id", "tenant_id"})
    ask(api(shelf), "GET", "/v2.0/networks/n?fields=colour")
    assert shelf.call.fields == frozenset()
    ask(api(shelf), "GET", "/v2.0/networks/n")
    assert shelf.call.fields is None


def hrefs(answer: Any) -> dict[str, str]:
    return {one["rel"]: one["href"] for one in answer.json().get("networks_links", [])}


def test_following_the_links_walks_the_whole_list_once() -> None:
    application = api(shelf_of(*"abcde"))
    seen, path = [], "/v2.0/networks?limit=2&fields=id"
    for _ in range(5):
        answer = ask(application, "GET", path)
        seen += [one["id"] for one in answer.json()["networks"]]
        following = hrefs(answer).get("next")
        if following is None:
            break
        path = following
    assert seen == list("abcde")


def test_links_keep_the_query_and_name_the_ends_of_the_page() -> None:
    base = "http://127.0.0.1:9696/v2.0/networks"
    application = api(shelf_of(*"abcde"))
    assert hrefs(ask(application, "GET", "/v2.0/networks?limit=2&marker=a&name=x%20y&name=z")) == {
        "next": f"{base}?limit=2&name=x+y&name=z&marker=c",
        "previous": f"{base}?limit=2&name=x+y&name=z&marker=b&page_reverse=True",
    }
    assert list(hrefs(ask(application, "GET", "/v2.0/networks?limit=9"))) == ["previous"]
    assert list(hrefs(ask(application, "GET", "/v2.0/networks?limit=9&page_reverse=True"))) == ["next"]
    assert hrefs(ask(application, "GET", "/v2.0/networks")) == {}


def test_a_list_longer_than_a_page_is_cut_with_a_link_to_the_rest() -> None:
    application = api(shelf_of(*"abc"), limits=Limits(page=2))
    first = ask(application, "GET", "/v2.0/networks")
    assert [one["id"] for one in first.json()["networks"]] == ["a", "b"]
    rest = ask(application, "GET", hrefs(first)["next"])
    assert [one["id"] for one in rest.json()["networks"]] == ["c"]


def test_a_proxy_in_front_says_which_scheme_links_have() -> None:
    answer = ask(api(), "GET", "/", headers={"X-Forwarded-Proto": "https", "Host": "net.example:9696"})
    assert answer.json()["versions"][0]["links"][0]["href"] == "https://net.example:9696/v2.0/"


@pytest.mark.parametrize(
    ("header", "revision"),
    [("revision_number=7", 7), ('"revision_number=7"', 7), ('"x", "revision_number=7"', 7), ("*", None)],
)
def test_if_match_asks_for_a_revision(header: str, revision: int | None) -> None:
    shelf = shelf_of("n")
    answer = ask(api(shelf), "PUT", "/v2.0/networks/n", json={"network": {}}, headers={"If-Match": header})
    assert answer.status_code == 200
    assert shelf.call is not None
    assert shelf.call.if_match == revision


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("revision_number=x", "Revision number etag must be in the format of revision_number=<int>"),
        ("revision_number=-1", "Revision number etag must be in the format of revision_number=<int>"),
        ('"revision_number=1","revision_number=2"', "Multiple revision_number etags are not supported"),
    ],
)
def test_a_wrong_if_match_is_a_400(header: str, sentence: str) -> None:
    answer = ask(api(), "DELETE", "/v2.0/networks/n", headers={"If-Match": header})
    refused(answer, 400, "BadRequest", f"Bad if-match request: {sentence}.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Unable to find 'network' in request body"),
        (b"{}", "Unable to find 'network' in request body"),
        (b"[]", "Body contains invalid data"),
        (b'"x"', "Body contains invalid data"),
        (b"{", "Body contains invalid data"),
        (b'{"network": {"name": "\xff"}}', "Body contains invalid data"),
        (b'{"network": {"name": "\\ud800"}}', "Body contains invalid data"),
        (b'{"network": {"mtu": NaN}}', "Body contains invalid data"),
        (b'{"network": ' + b"[" * 500_000, "Body contains invalid data"),
        (b'{"network": {"mtu": ' + b"9" * 900_000 + b"}}", "Body contains invalid data"),
    ],
)
def test_a_wrong_body_is_a_400(body: bytes, message: str) -> None:
    answer = ask(api(), "POST", "/v2.0/networks", content=body, headers={"Content-Type": "application/json"})
    refused(answer, 400, "HTTPBadRequest", message)


def test_a_delete_has_no_body() -> None:
    chunks = {"Transfer-Encoding": "chunked"}
    for more in ({"content": b"{}"}, {"headers": chunks}):
        answer = ask(api(), "DELETE", "/v2.0/networks/n", **more)
        refused(answer, 400, "HTTPBadRequest", "Request body is not supported in DELETE.")
    done = ask(api(), "DELETE", "/v2.0/networks/n")
    assert (done.status_code, done.content) == (204, b"")
    assert "content-type" not in done.headers


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8", None])
def test_json_is_read(kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    assert ask(api(), "POST", "/v2.0/networks", content=b'{"network":{}}', headers=headers).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_json_is_a_415(headers: dict[str, str]) -> None:
    answer = ask(api(), "POST", "/v2.0/networks", content=b'{"network":{}}', headers=headers)
    assert (answer.status_code, answer.json()[ERROR]["type"]) == (415, "HTTPUnsupportedMediaType")
