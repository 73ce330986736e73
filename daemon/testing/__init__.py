"""For tests of any program that talks to IB Gateway: a simulated one on loopback, with its market and faults in hand.

Installing paperd registers the pytest plugin `paperd`, which gives every test the fixture `ib_gateway`:

    def test_buys(ib_gateway):
        my_program.connect("127.0.0.1", ib_gateway.port)
        ...
        assert ib_gateway.ledger.positions == {"SPY": 100}

Without pytest, `with daemon.testing.gateway.running_gateway() as gateway:` does the same.
"""
