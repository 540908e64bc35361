"""The stage door: the API and pages for hosts, speakers and operators, and the source port."""
