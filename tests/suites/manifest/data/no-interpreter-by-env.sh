#!/usr/bin/env -S no-such-interpreter -x
