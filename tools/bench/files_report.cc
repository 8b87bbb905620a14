#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/files_bench.h"
#include "tools/bench/json_number.h"
#include "tools/bench/statistics.h"
#include "tools/bench/table.h"

namespace voidbox::bench {
namespace {

double Ratio(const std::vector<double>& samples, const std::vector<double>& raw) {
  const double base = Summarize(raw).median;
  return base > 0 ? Summarize(samples).median / base : 0;
}

}  // namespace

std::string FilesText(const FilesResult& result) {
  Table table;
  table.AddRow({"MB/s, median (min to max)", "to the guest", "to the host"});
  table.AddRow({"raw vsock", SummaryCell(result.to_guest, 1), SummaryCell(result.to_host, 1)});
  table.AddRow({"a tree of files", SummaryCell(result.upload, 1), SummaryCell(result.download, 1)});
  return absl::StrCat("Upload and download of ", result.bytes, " bytes of files, ", result.rounds,
                      " rounds\n\n", table.Text(), "\n",
                      absl::StrFormat("upload: %.3f x raw vsock\ndownload: %.3f x raw vsock\n",
                                      Ratio(result.upload, result.to_guest),
                                      Ratio(result.download, result.to_host)));
}

std::string FilesJson(const FilesResult& result) {
  const nlohmann::ordered_json json = {
      {"bytes", result.bytes},
      {"to_guest_mb_s", JsonNumber(Summarize(result.to_guest).median)},
      {"to_host_mb_s", JsonNumber(Summarize(result.to_host).median)},
      {"upload_mb_s", JsonNumber(Summarize(result.upload).median)},
      {"download_mb_s", JsonNumber(Summarize(result.download).median)},
      {"upload_ratio_to_vsock", JsonNumber(Ratio(result.upload, result.to_guest))},
      {"download_ratio_to_vsock", JsonNumber(Ratio(result.download, result.to_host))},
  };
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace voidbox::bench
