# Adds up the amounts of an account book, lines of "NAME AMOUNT", by name.
NF != 2 || $2 !~ /^-?[0-9]+$/ { print "line " NR ": no NAME and AMOUNT" > "/dev/stderr"; status = 1; exit }
{ total[$1] += $2 }
END {
  if (status) exit status
  for (name in total) print name, total[name] | "sort"
}
