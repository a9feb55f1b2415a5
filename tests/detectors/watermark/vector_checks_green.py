"""What the reference vectors of green-list schemes demand."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from llm_audit.detectors.watermark.counts import distinct
from llm_audit.detectors.watermark.schemes.base import Step
from llm_audit.detectors.watermark.schemes.green_list import hash_table
from llm_audit.detectors.watermark.schemes.kgw_lm_watermarking import TABLE_SEED, LmWatermarking
from llm_audit.detectors.watermark.schemes.kgw_transformers import TransformersKgw
from llm_audit.detectors.watermark.schemes.unigram import Unigram, numpy_seed
from tests.detectors.watermark import peers
from tests.detectors.watermark.vector_cases import NONE, RNG, Case, near, sha, text, whole


def kgw_transformers(data: Case) -> None:
    for case in data["cases"]:
        gamma, width = case["greenlist_ratio"], case["context_width"]
        scheme = TransformersKgw(
            key=str(case["hashing_key"]),
            vocab_size=case["vocab_size"],
            gamma=gamma,
            delta=case["bias"],
            seeding_scheme=case["seeding_scheme"],
            context_width=width,
        )
        found = scheme.observe(text(case))
        flags, own = whole(found.scores), case["seeding_scheme"] == "selfhash"
        assert flags == case["flags"] and found.positions[0] == case["first_scored_index"]
        assert found.inputs[:, 0].tolist() == [int(seed) & 0xFFFFFFFF for seed in case["seeds"]]
        assert scheme.green_size == case["greenlist_size"]
        assert (hash_table(case["hashing_key"] & 0xFFFFFFFF)[:8] - 1).tolist() == case["fixed_table_first8"]
        unique = peers.by_ngram(case["ids"], found.positions.tolist(), flags, width + 1 - own)
        for (n, green), wanted in ((unique, "ignore_repeated"), ((len(flags), sum(flags)), "all")):
            peer = case["detector"][wanted]
            z = peers.z_score(green, n, gamma)
            assert (n, green) == (peer["n"], peer["green"])
            assert z == near(peer["z"], abs=1e-9) and peers.normal_p(z) == near(peer["p_hf"], abs=1e-9)
        if "logits" in case.get("processor", {}):
            peer, logits = case["processor"], np.array(case["processor"]["logits"])
            past = np.array(case["ids"][: peer["prefix_len"]])
            marked = scheme.embed(Step(logits, NONE, past), RNG)
            assert np.flatnonzero(marked != logits).tolist() == sorted(peer["biased_ids"])
            assert np.unique((marked - logits).round(9)).tolist() == [0.0, case["bias"]]


def kgw_lm_watermarking(data: Case) -> None:
    assert (hash_table(TABLE_SEED)[:8] - 1).tolist() == data["fixed_table_first8"]
    for case in data["cases"]:
        gamma, width = case["gamma"], case["context_width"]
        scheme = LmWatermarking.named(
            case["seeding_scheme"], key=str(case["hash_key"]), vocab_size=case["vocab_size"], gamma=gamma
        )
        assert (scheme.prf, scheme.context_width, scheme.self_salt) == (case["prf"], width, case["self_salt"])
        found = scheme.observe(text(case))
        flags = whole(found.scores)
        assert flags == case["flags"]
        assert found.inputs[:, 0].tolist() == [int(s) % (2**64 - 1) & 0xFFFFFFFF for s in case["seeds_before_mod"]]
        n, green = peers.by_ngram(case["ids"], found.positions.tolist(), flags, width + 1 - case["self_salt"])
        z = peers.z_score(green, n, gamma)
        assert (n, green) == (case["unique"]["n"], case["unique"]["green"])
        assert z == near(case["unique"]["z"], abs=1e-9) and peers.normal_p(z) == near(case["unique"]["p_normal"], abs=1e-9)
        assert (len(flags), sum(flags)) == (case["all"]["n"], case["all"]["green"])
        assert peers.z_score(sum(flags), len(flags), gamma) == near(case["all"]["z"], abs=1e-9)
        first = peers.first_of_ngram(case["ids"], found.positions.tolist(), flags, width + 1 - case["self_salt"])
        best, peer = peers.win_max(first, gamma), case["winmax"]
        assert max(best.values()) == near(peer["z"], rel=1e-6)  # the peer computes in float32
        assert best[peer["size"]] == near(max(best.values()))
        deviation, mean = np.float32(math.sqrt(peer["size"] * gamma * (1 - gamma))), np.float32(gamma * peer["size"])
        assert peer["green_reported"] == int(np.float32(peer["z"]) * deviation + mean)  # cut off, not rounded


def unigram(data: Case) -> None:
    for case in data["cases"]:
        size, fraction = case["vocab_size"], case["fraction"]
        scheme = Unigram(key=str(case["key"]), vocab_size=size, fraction=fraction)
        assert numpy_seed(case["key"]) == case["numpy_seed"]
        mask = scheme.green().astype(np.uint8)
        assert mask[:64].tolist() == case["mask_first64"] and sha(mask) == case["mask_sha256_uint8"]
        assert int(mask.sum()) == case["n_green"]
        found = scheme.observe(text(case))
        kept = distinct(found)
        assert whole(found.scores) == case["flags"] and len(kept) == case["n_unique"]
        assert peers.z_score(found.scores.sum(), len(found), fraction) == near(case["z_all"], abs=1e-9)
        assert peers.z_score(kept.scores.sum(), len(kept), fraction) == near(case["z_unique"], abs=1e-9)
        tau = math.sqrt(1 - (len(kept) - 1) / (size - 1)) * norm.ppf(0.99)
        assert tau == near(case["tau_alpha_01"], abs=1e-9)
