"""What a strategy is, the strategies that ship, and the registry that finds them and a user's own.

A strategy sees completed bars and answers with decisions; sizing, risk and orders are the business of its neighbours
`engine` and `risk`.
"""
