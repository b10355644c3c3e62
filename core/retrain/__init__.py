"""Joins the two wings: lets the network learn and hands the result to the contest."""
