def test_hostname(host):
    assert host.check_output("hostname") in ("master", "node1", "node2", "utility")
