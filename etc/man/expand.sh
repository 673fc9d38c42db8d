#!/bin/sh
# expand.sh PAGE.in COMMAND...: the page, with the line @KEYS@ replaced by
# what the command writes.
set -e
page=$1
shift
sed '/^@KEYS@$/,$d' "$page"
"$@"
sed '1,/^@KEYS@$/d' "$page"
