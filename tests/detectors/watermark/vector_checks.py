"""What each file of reference vectors demands of our schemes: seeds, flags and bits exactly, statistics to 1e-9."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from llm_audit.detectors.watermark.counts import distinct
from llm_audit.detectors.watermark.prf import mersenne, philox
from llm_audit.detectors.watermark.prf.murmur import murmur3
from llm_audit.detectors.watermark.schemes.base import Step, TokenisedText, windows
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.kuditipudi import Exp, Its, KeySequence
from llm_audit.detectors.watermark.schemes.markllm import MarkLlmDip, MarkLlmExp, MarkLlmExpGumbel, MarkLlmKgw
from llm_audit.detectors.watermark.schemes.sglang import SglangGumbel, hash_contexts
from llm_audit.detectors.watermark.schemes.synthid import SynthIdReference, SynthIdTransformers
from llm_audit.detectors.watermark.schemes.textseal import TextSeal
from llm_audit.detectors.watermark.schemes.vllm import VllmDualKeyGumbel, VllmGumbel, VllmRedGreen
from llm_audit.stats import gamma_tail, key_alignment
from tests.detectors.watermark import peers
from tests.detectors.watermark.vector_cases import NONE, RNG, Case, near, sha, text, whole
from tests.detectors.watermark.vector_checks_green import kgw_lm_watermarking, kgw_transformers, unigram


def torch_cpu_rng(data: Case) -> None:
    for case in data["cases"]:
        seed = int(case["seed"])
        assert (mersenne.words(seed, 64) & 1).tolist() == case["randint_0_2_first64"]
        for size in (10, 97, 1000):
            assert mersenne.randperm(seed, size)[:64].tolist() == case[f"randperm_{size}"]
        for size in (49152, 50257, 128256, 1000003):
            permuted, wanted = mersenne.randperm(seed, size), case[f"randperm_{size}"]
            assert permuted[:16].tolist() == wanted["first16"] and sha(permuted) == wanted["sha256_int64le"]
        uniforms = mersenne.uniform(mersenne.words(seed, 50000))
        assert uniforms[:16].tolist() == case["rand_f32_first16"] and sha(uniforms) == case["rand_f32_50000_sha256"]


def kuditipudi_its_exp(data: Case) -> None:
    for case in data["cases"]:
        cls: type[KeySequence] = Its if case["scheme"] == "its" else Exp
        scheme = cls(key=str(case["seed"]), vocab_size=case["vocab_size"], length=case["n"])
        if isinstance(scheme, Its):
            pi, u = scheme.order_and_keys()
            assert pi[:8].tolist() == case["pi_first8"] and u[:1].tolist() == case["xi_first_row"]
        if isinstance(scheme, Exp):
            assert scheme.xi(np.arange(case["vocab_size"]))[0, :8].tolist() == case["xi_first_row"]
        if "logits" in case["generation"]:
            made: list[int] = []
            for logits in case["generation"]["logits"]:
                step = Step(np.array(logits), np.array(made, dtype=np.int64), NONE, start=case["shift"])
                made.append(int(scheme.embed(step, RNG).argmax()))
            assert made == case["generation"]["tokens"]
        for variant in case["texts"].values():
            ids = np.array(variant["ids"])
            for name, wanted in variant["phi"].items():
                _check_phi(scheme, ids, case["k"], name, np.array(wanted))
            for seed, wanted in variant["phi_alt_keys"].items():
                other = cls(key=seed, vocab_size=case["vocab_size"], length=case["n"])
                assert key_alignment.simple(other.costs(ids), case["k"]).min() == near(wanted, rel=2e-6)
    for case in data["demo_mersenne"]:
        _check_demo(case)


def _check_phi(scheme: KeySequence, ids: Any, block: int, name: str, wanted: Any) -> None:
    """Ours in float64 to the reference's float32 rounding; with edits also in float32, as the reference computes: exactly."""
    costs = scheme.costs(ids)
    if name.startswith("simple"):
        lined = key_alignment.simple(costs, block)
    else:
        gap = float(name.split("_")[2])
        lined = key_alignment.edit(costs, block, gap)
        if isinstance(scheme, Its):
            costs = np.abs(scheme.ranks(ids).astype(np.float32)[:, None] - scheme.order_and_keys()[1].astype(np.float32))
        exact = key_alignment.edit(costs.astype(np.float32), block, gap)
        assert np.array_equal(exact if wanted.ndim else exact.min(), wanted)
    assert np.allclose(lined if wanted.ndim else lined.min(), wanted, rtol=2e-6, atol=2e-6)


def _check_demo(case: Case) -> None:
    uniforms = mersenne.words(case["key"], 2000) / 2.0**32
    assert uniforms[:8].tolist() == case["rand_first8"] and uniforms[1999] == case["rand_1999"]
    permuted, words = list(range(20)), iter(mersenne.words(case["key"], 19).tolist())
    for i in range(19, 0, -1):  # Sattolo's shuffle: cycles only
        j = next(words) % i
        permuted[i], permuted[j] = permuted[j], permuted[i]
    assert permuted == case["randperm_20"]
    demo = case["demo"]
    scheme = Exp(key=str(case["key"]), vocab_size=demo["vocab_size"], length=demo["n"], dialect="demo")
    ids = np.array(demo["ids"])
    exact = key_alignment.edit(scheme.costs(ids).astype(np.float32), len(ids), 0.0)
    assert np.allclose(exact[0], demo["levenshtein_gamma0_by_shift"], rtol=1e-6)
    assert key_alignment.edit(scheme.costs(ids), len(ids), 0.0).min() == near(demo["statistic"], rel=1e-6)


def synthid_transformers(data: Case) -> None:
    for case in data["cases"]:
        scheme = SynthIdTransformers(
            keys=case["keys"],
            ngram_len=case["ngram_len"],
            sampling_table_seed=case["sampling_table_seed"],
            sampling_table_size=case["sampling_table_size"],
            context_history_size=case["context_history_size"],
        )
        assert int(scheme.table.sum()) == case["table_sum"] and sha(scheme.table) == case["table_sha256_int64"]
        assert "".join(map(str, scheme.table[:64])) == case["table_first64"]
        bits, mask = _check_bits(scheme, case)
        ended = np.array([bit == "1" for bit in case["eos_mask"]])[case["ngram_len"] - 1 :]
        ids = np.array(case["ids"])
        assert ended.tolist() == (np.cumsum(ids == case["eos_token_id"]) == 0)[case["ngram_len"] - 1 :].tolist()
        assert int((mask & ended).sum()) == case["n_masked"]
        means = peers.synthid_means(bits, mask & ended)
        assert means == near((case["mean_masked"], case["weighted_mean_masked"]), abs=1e-9)
        calls = case.get("processor", {}).get("calls", [])
        for call in calls:
            if "logits" not in call:
                continue
            first, n = calls[0]["n_input"], call["n_input"]
            marked = scheme.embed(Step(np.array(call["logits"]), ids[first:n], ids[:first]), RNG)
            assert int(marked.argmax()) == call["argmax"]
            assert np.allclose(marked, call["out"], rtol=1e-5, atol=1e-4)


def _check_bits(scheme: SynthIdTransformers | SynthIdReference, case: Case) -> tuple[Any, Any]:
    ids = np.array(case["ids"])
    runs = windows(ids, case["ngram_len"])
    assert scheme.hashes(runs[:3]).tolist() == [[int(key) for key in keys] for keys in case["ngram_keys_first3"]]
    bits, mask = scheme.bits(runs), peers.context_mask(ids, scheme.ngram_len, scheme.context_history_size)
    assert ["".join(map(str, row)) for row in bits] == case["g"]
    assert "".join("01"[int(bit)] for bit in mask) == case["repetition_mask"]
    return bits, mask


def synthid_reference_021(data: Case) -> None:
    assert data["expected_mean_g"]["leaves2_V1000"] == near(0.5 + 0.25 * (1 - 1 / 1000))
    for case in data["cases"]:
        scheme = SynthIdReference(keys=case["keys"], ngram_len=case["ngram_len"])
        assert scheme.initial == int(case["hash_iv"])
        bits, mask = _check_bits(scheme, case)
        assert peers.synthid_means(bits, mask) == near((case["mean"], case["weighted_mean"]), abs=1e-9)
        for leaves in (2, 3):
            call = case.get(f"call_leaves{leaves}")
            if call is None:
                continue
            logits, top = np.array(call["logits"]) / call["temperature"], np.array(call["top_k_ids"])
            assert np.argsort(-logits)[: call["top_k"]].tolist() == top.tolist()
            context = np.zeros((len(top), case["ngram_len"] - 1), dtype=np.int64)  # the first call's
            runs = np.concatenate([context, top[:, None]], axis=1)
            marked = scheme.tournament(logits[top], scheme.bits(runs), leaves)
            assert np.allclose(np.exp(marked), np.exp(call["updated"]), rtol=5e-5, atol=1e-9)


def vllm_gumbel_philox(data: Case) -> None:
    for case in data["goldens"]:
        scheme = VllmGumbel(key=case["key"], context_width=case["cw"])
        found = distinct(scheme.observe(text(case, from_start=True)))
        assert len(found) == case["n"] and found.scores.sum() == near(case["score"], abs=1e-9)
        assert math.exp(found.law.log_tail(case["score"], case["n"])) == near(case["p"], rel=1e-9)
    for case in data["cases"]:
        fields, start = {"key": case["key"], "context_width": case["context_width"]}, text(case, from_start=True)
        scheme = VllmGumbel(**fields)
        found = distinct(scheme.observe(start))
        tokens = start.ids[found.positions][:, None]
        assert len(found) == case["n"]
        assert scheme.uniforms(int(case["key"]), found.inputs, tokens)[:, 0].tolist() == case["uniforms"]
        words = philox.words(int(case["key"]), found.inputs, tokens)[:, 0].tolist()
        assert words[:4] == [int(word) for word in case["words_first4"]]
        assert found.scores.sum() == near(case["score"], abs=1e-9)
        assert math.exp(found.law.log_tail(case["score"], case["n"])) == near(case["p_gamma"], abs=1e-9)
        assert [[word >> bit & 1 for bit in range(32)] for word in words[:3]] == case["synthid_bits_depth32"]
        dual, peer = VllmDualKeyGumbel(**fields, alpha=0.1), case["dual_alpha_0_1"]
        assert dual.derived() == (int(case["key_a"]), int(case["key_b"]))
        assert distinct(dual.observe(start)).scores.sum() == near(peer["score"], abs=1e-9)
        for key, wanted in zip(dual.derived(), (peer["score_a"], peer["score_b"]), strict=True):
            one = VllmGumbel(key=str(key), context_width=case["context_width"])
            assert distinct(one.observe(start)).scores.sum() == near(wanted, abs=1e-9)
        green = VllmRedGreen(**fields, gamma=0.25).observe(start)
        assert whole(green.scores[found.positions]) == case["red_green_gamma_0_25"]


def sglang_gumbel(data: Case) -> None:
    for case in data["cases"]:
        key, width = int(case["key"], 16), case["context_window"]
        fields: Case = {"key": str(key), "context_window": width}
        second = None if case["key_b"] is None else str(int(case["key_b"], 16))
        both = SglangGumbel(**fields, key_b=second, mixing_probability=case["mixing_probability"])
        prompted = text(case, prompt=case["prompt"] or None)
        runs = [(both, "combined"), (SglangGumbel(**fields), "key_a")]
        runs += [] if second is None else [(SglangGumbel(key=second, context_window=width), "key_b_all")]
        for scheme, name in runs:
            found, peer = scheme.observe(prompted), case[name]
            total, n = found.scores.sum(), len(found)
            assert n == peer["n"] and total == near(peer["score"], abs=1e-9)
            assert (total - n) / math.sqrt(n) == near(peer["z"], abs=1e-9)
            assert gamma_tail.one_sum(total, n) == near(peer["log_p"], abs=1e-9)
            assert math.exp(found.law.log_tail(total, n)) == near(peer["p"], rel=1e-9)
            assert found.repeated == case["repeated"] and len(case["ids"]) - n - found.repeated == case["skipped"]
        hashed = hash_contexts(np.array(case["ids"][:width])[None])
        assert int(hashed[0]) == case["context_hash_first"]
        halves = [np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)]
        assert int(murmur3([*halves, hashed[0], np.uint64(case["ids"][width])])) == case["watermark_hash_first"]


def textseal(data: Case) -> None:
    for case in data["cases"]:
        scheme = TextSeal(key=str(case["secret_key"]), ngram=case["ngram"])
        found = scheme.observe(text(case))
        values = scheme.values(found.inputs[:, :-1], found.inputs[:, -1])
        assert values.tolist() == case["hash_mod_8191"]
        assert (values.astype(np.float32) / np.float32(8191)).tolist() == case["uniform"]
        for gamma, name in ((0.5, "green_gamma_0_5"), (0.25, "green_gamma_0_25")):
            assert whole(values / 8191 < gamma) == case[name]


def markllm(data: Case) -> None:
    for case in data["cases"]:
        fields: Case = {"vocab_size": case["vocab_size"], "prefix_length": case["prefix_length"]}
        if case["alg"] == "KGW":
            kgw = MarkLlmKgw(key=str(case["hash_key"]), gamma=case["gamma"], f_scheme=case["f_scheme"], **fields)
            flags = whole(kgw.observe(text(case)).scores)
            assert [-1] * case["prefix_length"] + flags == case["flags"]
            assert peers.z_score(sum(flags), len(flags), case["gamma"]) == near(case["z"], abs=1e-9)
        elif case["alg"] == "EXP":
            found = MarkLlmExp(key=str(case["hash_key"]), **fields).observe(text(case))
            assert np.allclose(-np.expm1(-found.scores), case["r"], rtol=1e-12)
            _check_gamma(found, case)
        elif case["alg"] == "EXPGumbel":
            scheme = MarkLlmExpGumbel(key=str(case["seed"]), eps=case["eps"], **fields)
            found = scheme.observe(text(case))
            assert scheme.uniforms(found.inputs[:, 0], found.inputs[:, 1]).tolist() == case["u"]
            _check_gamma(found, case)
        else:
            dip = MarkLlmDip(key=case["hash_key_hex"], gamma=case["gamma"], alpha=case["alpha"], **fields)
            found, h = dip.observe(text(case)), case["prefix_length"]
            assert found.inputs[:, 0].tolist() == [int(seed) for seed in case["seeds"][h - 1 :]]
            repeats = np.ones(len(found), np.bool_)
            repeats[distinct(found).positions - h] = False
            assert np.where(repeats, -1, found.scores).astype(int).tolist() == case["flags"][h:]


def _check_gamma(found: Any, case: Case) -> None:
    assert found.scores.sum() == near(case["score"], abs=1e-9)
    assert math.exp(found.law.log_tail(case["score"], len(found))) == near(case["p_gamma"], rel=1e-9)


def e2e_transformers_generate(data: Case) -> None:
    """Real generations by transformers: our counts are those of its detector, and the marked ones are found."""
    for case in data["cases"]:
        fields: Case = {"vocab_size": case["vocab_size"]}
        if case["kind"] == "kgw":
            kgw = TransformersKgw(
                key=str(case["hashing_key"]),
                gamma=case["greenlist_ratio"],
                seeding_scheme=case["seeding_scheme"],
                context_width=case["context_width"],
                **fields,
            )
            found = kgw.observe(TokenisedText.of(case["output"]))
            width = case["context_width"] + (case["seeding_scheme"] == "lefthash")
            n, green = peers.by_ngram(case["output"], found.positions.tolist(), whole(found.scores), width)
            peer = case["detector_unique"]
            assert (n, green) == (peer["n"], peer["green"])
            assert peers.z_score(green, n, kgw.gamma) == near(peer["z"], abs=1e-9)
            kept = distinct(found)
            assert kept.law.log_tail(kept.scores.sum(), len(kept)) < math.log(1e-6)
        elif case["kind"] == "synthid":
            scheme = SynthIdTransformers(keys=case["keys"], ngram_len=case["ngram_len"], **fields)
            ids, before = np.array(case["output"]), case["ngram_len"] - 1
            bits, mask = (
                scheme.bits(windows(ids, before + 1)),
                peers.context_mask(ids, scheme.ngram_len, scheme.context_history_size),
            )
            assert int(mask.sum()) == case["n_unmasked"] and bits[mask].mean() == near(case["mean_output_only"], abs=1e-9)
            first = scheme.bits(windows(np.concatenate([np.zeros(before, np.int64), ids]), before + 1)[:before])
            assert first.tolist() == case["g_first_H_minus_1"]
            assert first.mean() == near(case["mean_first_H_minus_1_with_zero_context"], abs=1e-9)
            kept = distinct(scheme.observe(TokenisedText.of(ids, from_start=True)))
            assert kept.law.log_tail(kept.scores.sum(), len(kept)) < math.log(1e-6)


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        torch_cpu_rng,
        kgw_transformers,
        kgw_lm_watermarking,
        unigram,
        kuditipudi_its_exp,
        synthid_transformers,
        synthid_reference_021,
        vllm_gumbel_philox,
        sglang_gumbel,
        textseal,
        markllm,
        e2e_transformers_generate,
    )
}
