#!/bin/sh
# Debian's packages call this by its name to start their service. The tests start their own servers, so it starts none.
exit 0
