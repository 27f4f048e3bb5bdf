"""What the names in metrics.csv mean: titles and captions of the report's figures, and the table of docs/metrics.md.

Those of training are averages over the gradient steps since the line before, over the batch and the critics (of `q_max`
the maximum). The report divides values of Q by `reward_scale`; metrics.csv has them as they were trained.
"""

from typing import NamedTuple


class Meaning(NamedTuple):
    title: str
    text: str


METRICS = {  # in the order of the report's small figures
    "action_norm": Meaning("Action norm of the policy", "|a| / sqrt(A): 0 in the middle of the box, 1 in a corner."),
    "data_action_norm": Meaning("Action norm of the data", "The same of the dataset's actions."),
    "action_spread": Meaning(
        "Action spread of the policy", "Standard deviation over states: 0 of a policy with one action everywhere."
    ),
    "data_action_spread": Meaning("Action spread of the data", "The same of the dataset's actions."),
    "bc_distance": Meaning(
        "Distance to the data's actions",
        "|pi - a|^2 over the dataset's rows: how far the policy is from what was done.",
    ),
    "saturated_share": Meaning("Actions at the bound (%)", "Action values of the policy beyond .99, in percent."),
    "action_slope": Meaning(
        "Relative action slope", "Mean |dQ/da| / mean |Q| at the policy's actions: what draws it away from the data."
    ),
    "bc_pull": Meaning(
        "Pull of the BC term", "Mean 2 bc_weight |pi - a|, with the weight in force: what holds it, beside the slope."
    ),
    "q_rank": Meaning(
        "Rank correlation of Q", "Spearman's, of Q at the dataset's actions with the discounted returns-to-go."
    ),
    "zero_share": Meaning("Zero activations (%)", "Hidden activations of the critics that are exactly 0, in percent."),
    "dormant_share": Meaning(
        "Dormant units (%)", "Hidden units of the critics that are 0 on the whole batch, in percent."
    ),
    "dormant_share_0.025": Meaning(
        "Nearly dormant units (%)", "Units whose mean activation is at most 0.025 of their layer's, in percent."
    ),
    "td_error": Meaning(
        "TD error",
        "With --holdout: root mean square, on rows of training, of the policy's target less the critics' mean.",
    ),
    "held_out_td_error": Meaning("TD error, held out", "The same on episodes that nothing trains on."),
    "action_error": Meaning(
        "Action error",
        "With --holdout: root mean square, on rows of training, of the policy's actions less the data's.",
    ),
    "held_out_action_error": Meaning("Action error, held out", "The same on episodes that nothing trains on."),
    "critic_loss": Meaning("Critic loss", "Mean squared TD error, in units of the scaled reward, squared."),
    "penalty_loss": Meaning(
        "Penalty at infeasible actions", "Mean (Q - q_min)^2 at actions far out of the box, before its weight."
    ),
    "actor_loss": Meaning("Actor loss", "What the actor descends, all terms together."),
    "bc_loss": Meaning("BC loss", "Squared distance of the policy's action to the dataset's, before its weight."),
    "q_mean": Meaning("Mean Q (raw reward)", "Mean Q at the batch's own actions."),
    "target_mean": Meaning("Mean target (raw reward)", "Mean of what Q is pulled to."),
    "q_infeasible": Meaning("Q at infeasible actions (raw reward)", "Mean Q at actions far out of the box."),
    "policy_value": Meaning("Q that the actor climbs (raw reward)", "Mean Q at the policy's actions."),
    "return_mean": Meaning("Raw return", "Mean return of the evaluation's episodes, not normalised."),
    "length_mean": Meaning("Episode length (actions)", "Mean length of the evaluation's episodes."),
    "advantage_weight": Meaning(
        "Advantage weight",
        "IQL, PEX, goal-conditioned methods: mean of exp(advantage_scale * advantage), at most weight_max.",
    ),
    "gap": Meaning(
        "Gap", "How far Q at sampled actions (CQL: logsumexp, MSG: the policy's) lies above Q at the dataset's."
    ),
    "behaviour_loss": Meaning("Behaviour loss", "Of the model of the data's actions: VAE (MCQ, SPOT) or clone (SVR)."),
    "pull_loss": Meaning(
        "Pull loss", "MCQ: mean squared distance of Q at the policy's actions from its pseudo-target."
    ),
    "pull_target": Meaning("Pseudo-target (raw reward)", "MCQ: mean best Q among actions that the VAE draws."),
    "support_loss": Meaning("Support loss", "SPOT: bound of -log density of the policy's actions, before its weight."),
    "regulariser": Meaning("Regulariser", "SVR: what draws Q down out of the support, before its weight."),
    "importance": Meaning("Importance weight", "SVR: mean density of the data's actions under policy over behaviour."),
    "rnd_loss": Meaning("RND loss", "SAC-RND: error of the predictor on the dataset, while it is trained."),
    "bonus": Meaning("Bonus", "SAC-RND: error of the predictor at the policy's actions, in deviations of training."),
    "lower_bound": Meaning(
        "Lower bound (raw reward)", "MSG: mean of the members' Q less pessimism deviations, at the policy's actions."
    ),
    "clipped_share": Meaning(
        "Clipped ratios", "PPO: share of a minibatch whose ratio of probabilities is beyond `clip`."
    ),
    "entropy": Meaning(
        "Entropy", "Mean -log pi(a|s): SAC holds it near target_entropy per dimension, PPO adds entropy_weight of it."
    ),
    "estimate": Meaning(
        "Estimate", "Uni-O4: mean Q along episodes that its model imagines, in units of the scaled reward."
    ),
    "kl": Meaning("KL", "PPO: mean divergence of the policy from the one that met the window, in nats."),
    "log_prob": Meaning("Log prob", "IQL, PEX, Uni-O4, GC-IQL: mean log pi(a|s) of the actions that are cloned."),
    "multiplier": Meaning("Multiplier", "CQL with lagrange=true: the factor that holds the gap at target_gap."),
    "disagreement": Meaning(
        "Disagreement",
        "Uni-O4: log-likelihood of the data's actions under a cloned policy, less the most of the others'.",
    ),
    "model_nll": Meaning(
        "Model likelihood", "Uni-O4: twice its negative logarithm, of changes and rewards, in training."
    ),
    "model_end_loss": Meaning("Model of ends", "Uni-O4: cross-entropy of the ends of tasks, in training."),
    "model_error": Meaning("Model error", "Uni-O4: mean squared error of the elites on rows that none is trained on."),
    "replaced_share": Meaning(
        "Replaced behaviour policies", "Uni-O4: share of the policies whose estimate was the best so far."
    ),
    "similarity": Meaning("Similarity", "EDAC: how alike the critics' slopes dQ/da are; 0 is diverse."),
    "temperature": Meaning("Temperature", "SAC's weight of the entropy, learned."),
    "v_mean": Meaning(
        "V mean",
        "IQL, PEX, PPO: mean V(s), in units of the scaled reward. GC-IQL, HIQL: of V(s, g), in steps, discounted.",
    ),
    "value_loss": Meaning(
        "Value loss",
        "IQL, PEX, GC-IQL: expectile loss of Q - V. PPO: mean squared error of V. HIQL: expectile loss of V's own "
        "targets. DWSL: cross-entropy of the number of hops.",
    ),
    "high_loss": Meaning("High loss", "HIQL: weighted -log density of the subgoals under the high policy."),
    "trajectory_loss": Meaning(
        "Trajectory loss", "GCPC: squared error of the positions that its model tells, while it is trained."
    ),
    "new_policy_share": Meaning(
        "New policy's share", "PEX online: part of composed actions that are the new policy's."
    ),
    "new_row_share": Meaning("New rows' share", "Off2On online: part of a batch that was met online."),
    "ratio_loss": Meaning(
        "Loss of the density ratio", "Off2On online: minus a bound of the Jensen-Shannon divergence."
    ),
    "score": Meaning("Score", "Normalised return of the evaluation's episodes: 0 random, 100 expert."),
    "return_std": Meaning("Return std", "Standard deviation of the return over the evaluation's episodes."),
    "q_max": Meaning("Max Q", "Largest Q at the batch's own actions."),
}
