import sys

from driftwatch._entry import main

sys.exit(main())
