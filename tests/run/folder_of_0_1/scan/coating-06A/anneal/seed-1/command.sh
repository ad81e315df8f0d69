#!/bin/sh
lmp -log none -in ../../../interface_md.in -var data model.data -var potential ../../../model.pb -var elements 'Li F S' -var ensemble npt -var temperature 5000 -var px 1 -var py 1 -var pz 1000 -var steps 400 -var timestep 0.0005 -var dump_every 10 -var checkpoint_every 10000 -var seed 1 -var max_temperature 5e+06 -var density_change 0.9 -var min_distance 0.3
