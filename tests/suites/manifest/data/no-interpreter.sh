#!/no/such/interpreter -x
