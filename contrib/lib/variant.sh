#!/bin/bash
# variant.sh NAME [CONFIGURE ARGUMENT...] -- COMMAND...: runs the command in
# variant-NAME/ below the current folder, configured once with the arguments.
# Warnings are no errors there: sanitizers lead the compilers to false ones.
set -e
source=$(cd "$(dirname "$0")/../.." && pwd)
folder=variant-$1
shift
arguments=()
while [ "$1" != -- ]; do
	arguments+=("$1")
	shift
done
shift
mkdir -p "$folder"
cd "$folder"
if [ ! -f Makefile ]; then
	case $folder in
	variant-analyze) with=(scan-build -o report) ;;
	*) with=() ;;
	esac
	"${with[@]}" "$source/configure" -q "${arguments[@]}"
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}
exec "$@"
