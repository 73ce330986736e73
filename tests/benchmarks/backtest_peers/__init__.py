"""paperd's backtest beside its peers: the same bars, the same rule, each in a venv of its own.

The rule that all follow: one position in each symbol, long only. While the average of 10 closes is above that of 30 and
nothing is held, buy for 30 % of the equity, divided by the number of symbols (whole shares, at the close); while it is
below, sell what is held. Orders are market orders and meet the next bar's open. On a session's last bar nothing is
ordered, because the market closes.
"""
