"""The embedded model's answers to many requests at once, on a GPU that has only torch.

``collect`` writes down what the RTL workflow will ask first, ``generate`` answers it from the same
weights, ``store`` puts the answers into the reply cache: runs on a small machine then only verify,
select and repair.
"""
