# Runs total.awk over tests/*.book, compares with *.total, and writes report.tap (testanything.org).
failed=0 number=0
set -- tests/*.book
echo "1..$#" > report.tap
for book; do
  number=$((number + 1)) name=$(basename "$book" .book)
  if awk -f total.awk "$book" 2>&1 | cmp -s - "tests/$name.total"; then
    echo "ok $number - $name" >> report.tap
  else
    echo "not ok $number - $name" >> report.tap
    failed=$((failed + 1))
  fi
done
echo "$number tests, $failed failed"
exit $((failed > 0))
