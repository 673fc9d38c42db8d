# mover
