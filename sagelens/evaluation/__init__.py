"""How good a model is, where, against what, and what it is worth; and the gate that decides on it.

Nothing is imported here: a step's code digest covers the modules that it imports, and training needs one of these only.

    record        the values that the others give: EvaluationRecord, Comparison, Interval, Slice, ...
    assessment    a model's scores on the test split, assessed as a whole and by slice
    bootstrap     the paired interval of the difference between two models' ROC AUC
    costs         what errors cost, and the threshold where they cost least
    champion      the latest approved package of a group, found and fetched
    comparison    challenger against champion
    gate          the verdict
    drawings      the figures
"""
