// Runs in a guest: synced_records FILE LATEST FIRST. From number FIRST on, appends records to FILE,
// puts the number into LATEST in place, makes both durable, and only then prints the number; until
// it is killed.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "tests/payloads/record.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int records = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int latest = open(argv[2], O_WRONLY | O_CREAT, 0644);
  if (records < 0 || latest < 0) return 1;
  for (unsigned long number = strtoul(argv[3], nullptr, 10);; ++number) {
    const std::string record = voidbox::MakeRecord(number);
    const std::string head = record.substr(0, voidbox::kRecordHeadBytes);
    if (write(records, record.data(), record.size()) != static_cast<ssize_t>(record.size()) ||
        pwrite(latest, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size()) ||
        fsync(records) != 0 || fdatasync(latest) != 0) {
      perror("synced_records");
      return 1;
    }
    printf("%lu\n", number);
    fflush(stdout);
  }
}
