"""The test suites, a package so that all of them share tests.support."""
