#!/usr/bin/env python3
"""Off-policy estimates by the Open Bandit Pipeline, for estimate_test.cc.

    make_ope_goldens.py > ope_goldens.json        wants: obp 0.5.7 and what it needs (numpy, scikit-learn, torch, ...)

Cases are drawn here and written beside what obp makes of them, so that the test needs nothing but this file.
"""

import json
import sys

import numpy as np
from obp.ope import (DirectMethod, DoublyRobust, InverseProbabilityWeighting, SelfNormalizedInverseProbabilityWeighting,
                     SlateIndependentIPS, SlateRewardInteractionIPS, SlateStandardIPS, SwitchDoublyRobust)
from obp.ope.estimators_slate import SlateCascadeDoublyRobust


def bandit(seed, rounds, actions):
    rng = np.random.default_rng(seed)
    logging = rng.dirichlet(np.ones(actions), rounds)
    target = rng.dirichlet(np.full(actions, 0.5), rounds)
    model = rng.uniform(0, 1, (rounds, actions))
    action = np.array([rng.choice(actions, p=p) for p in logging])
    at = np.arange(rounds), action
    reward = (rng.uniform(size=rounds) < 0.3 + 0.4 * model[at]).astype(float)
    shared = {"reward": reward, "action": action, "action_dist": target[:, :, None]}
    pscore = logging[at]
    modelled = shared | {"estimated_rewards_by_reg_model": model[:, :, None]}
    clip = 3.0
    return {
        "clip": clip, "reward": reward.tolist(), "logged": pscore.tolist(), "target": target[at].tolist(),
        "expected": model[at].tolist(), "expected_of_target": (target * model).sum(1).tolist(),
        "dm": DirectMethod().estimate_policy_value(**modelled),
        "ips": InverseProbabilityWeighting().estimate_policy_value(pscore=pscore, **shared),
        "clipped": InverseProbabilityWeighting(lambda_=clip).estimate_policy_value(pscore=pscore, **shared),
        "snips": SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(pscore=pscore, **shared),
        "dr": DoublyRobust().estimate_policy_value(pscore=pscore, **modelled),
        "switch": SwitchDoublyRobust(lambda_=clip).estimate_policy_value(pscore=pscore, **modelled),
    }


def slate(seed, pages, slots, items):
    rng = np.random.default_rng(seed)
    n = pages * slots
    reward = rng.uniform(0, 1, n)
    logged, target = rng.uniform(0.2, 1, (2, pages, slots))
    marginal_logged, marginal_target = rng.uniform(0.2, 1, (2, n))
    q = rng.uniform(0, 1, (pages, slots, items))
    shown = rng.integers(items, size=(pages, slots))
    choice = rng.dirichlet(np.ones(items), (pages, slots))
    rows, columns = np.indices((pages, slots))
    target_at = choice[rows, columns, shown]  # the model's own: what is shown has this chance in its slot
    slate_id, position = np.repeat(np.arange(pages), slots), np.tile(np.arange(slots), pages)
    cascade_logged, cascade_target = logged.cumprod(1).ravel(), target_at.cumprod(1).ravel()
    whole_logged, whole_target = np.repeat(logged.prod(1), slots), np.repeat(target_at.prod(1), slots)
    shared = {"slate_id": slate_id, "reward": reward, "position": position}
    dr = SlateCascadeDoublyRobust(len_list=slots, n_unique_action=items)
    return {
        "slots": slots, "reward": reward.tolist(), "logged": logged.ravel().tolist(), "target": target_at.ravel().tolist(),
        "logged_marginal": marginal_logged.tolist(), "target_marginal": marginal_target.tolist(),
        "expected": q[rows, columns, shown].ravel().tolist(), "expected_of_target": (choice * q).sum(2).ravel().tolist(),
        "standard": SlateStandardIPS(len_list=slots).estimate_policy_value(
            pscore=whole_logged, evaluation_policy_pscore=whole_target, **shared),
        "independent": SlateIndependentIPS(len_list=slots).estimate_policy_value(
            pscore_item_position=marginal_logged, evaluation_policy_pscore_item_position=marginal_target, **shared),
        "cascade": SlateRewardInteractionIPS(len_list=slots).estimate_policy_value(
            pscore_cascade=cascade_logged, evaluation_policy_pscore_cascade=cascade_target, **shared),
        "cascade_dr": dr.estimate_policy_value(
            action=shown.ravel(), pscore_cascade=cascade_logged, evaluation_policy_pscore_cascade=cascade_target,
            q_hat=q.ravel(), evaluation_policy_action_dist=choice.ravel(), **shared),
    }


def main():
    json.dump({"bandit": [bandit(1, 60, 4), bandit(2, 25, 9)], "slate": [slate(3, 20, 3, 5), slate(4, 12, 5, 4)]}, sys.stdout,
              indent=None)
    print()


if __name__ == "__main__":
    main()
