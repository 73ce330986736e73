"""paperd's backtest beside its peers: the same bars, the same rule, each in a venv of its own.

The rule that all follow: one position in each symbol, long only. While the average of 10 closes is above that of 30 and
nothing is held, buy for a share of the equity (whole shares, at the close); while it is below, sell what is held.
Orders are market orders and meet the next bar's open. On a session's last bar nothing is ordered, because the market
closes.

Trades are compared with 30 % of 100,000 at stake. Speed is measured with 0.05 % of 10,000,000 for each symbol: on a
random walk commission eats what is at stake, and who has nothing left to trade with is fast without having worked.
"""
