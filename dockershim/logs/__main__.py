import sys

from dockershim.logs.process import main

sys.exit(main(sys.argv[1:]))
