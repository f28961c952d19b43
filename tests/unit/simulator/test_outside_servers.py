"""The name server and the verification service, asked over the wire."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import dns.asyncquery
import dns.asyncresolver
import dns.message
import dns.rcode
import dns.resolver
import pytest

from ignite_app.simulator import Simulator, SimulatorOptions
from ignite_app.simulator.browser import Browser, Response, Target
from ignite_app.simulator.dice import Dice
from ignite_app.simulator.people_files import elsewhere
from ignite_app.simulator.world import Reach
from ignite_domain.isps import limiter_group


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    started = Simulator.build(
        SimulatorOptions(
            directory=str(tmp_path),
            accounting_dir=str(tmp_path / "acct"),
            verifier_key="secret",
            verifier_refusal=0.25,
        )
    )
    await started.start()
    yield started
    await started.stop()


@pytest.mark.parametrize(
    ("domain", "suffix", "group"),
    [
        ("gmail.com", ".google.com", "gmail"),
        ("yahoo.com", ".yahoodns.net", "yahoo"),
        ("att.net", ".yahoodns.net", "yahoo"),
        ("cox.net", ".yahoodns.net", "yahoo"),
        ("hotmail.com", ".olc.protection.outlook.com", "microsoft"),
        ("me.com", ".icloud.com", "apple"),
        ("comcast.net", ".comcast.net", "comcast"),
        ("charter.net", ".charter.net", "charter"),
    ],
)
@pytest.mark.parametrize("tcp", [False, True])
async def test_brands_have_the_mx_hosts_of_the_real_world(
    simulator: Simulator, domain: str, suffix: str, group: str, tcp: bool
) -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], simulator.dns.port
    answer = await resolver.resolve(domain, "MX", tcp=tcp)
    hosts = [record.exchange.to_text(omit_final_dot=True) for record in answer]
    assert all(("." + host).endswith(suffix) for host in hosts)
    assert limiter_group(hosts, domain) == group
    assert await resolver.resolve(hosts[0], "A", tcp=tcp)


async def test_elsewhere_is_hosted_by_google_by_microsoft_and_alone_and_some_of_it_is_broken(
    simulator: Simulator,
) -> None:
    names = elsewhere(Dice(1), 900)
    ends = Counter[str]()
    for name in [*names, "gmial.com"]:
        query = dns.message.make_query(name, "MX")
        reply = await dns.asyncquery.udp(query, "127.0.0.1", port=simulator.dns.port, timeout=5)
        if reply.rcode() != dns.rcode.NOERROR:
            ends[dns.rcode.to_text(reply.rcode())] += 1
        else:
            host = str(reply.answer[0][0]).split(" ")[1]
            ends["null" if host == "." else "google" if "google" in host else "ms" if "outlook" in host else "own"] += 1
    assert set(ends) == {"NXDOMAIN", "SERVFAIL", "null", "google", "ms", "own"}
    assert ends["google"] > 50
    assert ends["ms"] > 70
    assert ends["own"] > 500


async def _ask(simulator: Simulator, addresses: list[str], key: str = "secret") -> Response:
    return await Browser(()).ask(
        "POST",
        Target(simulator.verifier_port, "127.0.0.1", "/verify"),
        {"Authorization": f"Bearer {key}"},
        json.dumps({"addresses": addresses}).encode(),
    )


async def test_the_verifier_follows_its_contract_and_is_mostly_right(simulator: Simulator) -> None:
    addresses = [f"p{n}@gmail.com" for n in range(900)]
    answers = [await _ask(simulator, addresses) for _ in range(30)]
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) == {200, 429}
    assert all(float(a.headers["retry-after"]) > 0 for a in answers if a.status == 429)
    results = json.loads(next(a.body for a in answers if a.status == 200))["results"]
    assert [result["address"] for result in results] == addresses
    wrong = Counter[str]()
    for result in results:
        destination = simulator.world.destination("gmail.com")
        dead = simulator.world.truth(result["address"], destination).value in ("invalid", "disabled")
        wrong[f"{dead}:{result['verdict']}"] += 1
    assert wrong["False:invalid"] == 0
    assert wrong["True:invalid"] > wrong["True:valid"] > 0
    assert (await _ask(simulator, addresses, key="other")).status == 401


async def test_catch_all_domains_and_missing_ones_are_told_apart(simulator: Simulator) -> None:
    names = elsewhere(Dice(1), 900)
    catch_all = next(n for n in names if simulator.world.destination(n).catch_all)
    gone = next(n for n in names if simulator.world.destination(n).reach is Reach.NO_DOMAIN)
    answers = [await _ask(simulator, [f"a1@{catch_all}", f"a@{gone}"]) for _ in range(20)]
    answer = next(answer for answer in answers if answer.status == 200)
    verdicts = {r["address"]: r["verdict"] for r in json.loads(answer.body)["results"]}
    assert verdicts == {f"a1@{catch_all}": "catch_all", f"a@{gone}": "invalid"}
