#include "tools/cli/completion.h"

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr char kBash[] = R"sh(# bash completion of voidbox: source <(voidbox completion bash)
_voidbox_images() { ls -- "${VOIDBOX_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/voidbox}/images/names" 2>/dev/null; }
_voidbox() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -- ]] && { COMPREPLY=($(compgen -c -- "$word")); return; }
  done
  case $previous in
    --image) COMPREPLY=($(compgen -W "$(_voidbox_images)" -- "$word")); return ;;
    --kernel | --modules | --initramfs | --rootfs | --tar | --oci | --overlay | --disk) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --kvm-host) COMPREPLY=($(compgen -W "auto native emulated" -- "$word")); return ;;
    --format) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
  esac
  local words
  case ${COMP_WORDS[1]:-} in
    run) words="--image --kernel --initramfs --rootfs --disk-size --overlay --ephemeral --cmdline --cpus --memory --timeout --disk --console --env --workdir --kvm-host --help --" ;;
    doctor | version) words="--format --help" ;;
    image)
      case $((COMP_CWORD > 2)):${COMP_WORDS[2]:-} in
        1:build) words="minimal debian alpine agents --out --name --base --mirror --busybox --no-busybox --no-deno --with-claude-code --quiet --format --help" ;;
        1:ls) words="--format --help" ;;
        1:inspect | 1:rm | 1:verify | 1:export) words="$(_voidbox_images) --force --format --help" ;;
        1:import) words="--kernel --modules --initramfs --rootfs --tar --oci --ref --cmdline --memory --force --format --help" ;;
        1:prune) words="--dry-run --format --help" ;;
        *) words="build ls inspect import export rm verify prune --help" ;;
      esac ;;
    host) words="start stop status exec --format --help" ;;
    completion) words="bash zsh fish" ;;
    *) words="run image doctor host version completion --help --version" ;;
  esac
  ((COMP_CWORD == 1)) && words="run image doctor host version completion --help --version"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _voidbox voidbox
)sh";

constexpr char kZsh[] = R"sh(#compdef voidbox
# zsh completion of voidbox: source <(voidbox completion zsh)
_voidbox_images() {
  local home=${VOIDBOX_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/voidbox}
  local -a images=($home/images/names/*(N:t))
  compadd -a images
}
_voidbox() {
  local -a commands
  commands=(
    'run:run a command in a new sandbox'
    'image:what sandboxes boot from'
    'doctor:say what this machine can do'
    'host:the emulated KVM host'
    'version:print the version'
    'completion:print a completion script'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  case ${words[2]} in
    run)
      _arguments -S \
        '--image[image of the store]:image:_voidbox_images' \
        '--kernel[guest kernel]:file:_files' \
        '--initramfs[guest initramfs]:file:_files' \
        '--rootfs[root file system]:file:_files' \
        '--disk-size[size of the root disk]:size:' \
        '--overlay[file that keeps what is written to it]:file:_files' \
        '--ephemeral[throw away what is written to it]' \
        '--cmdline[words for the kernel command line]:words:' \
        '--cpus[virtual CPUs]:number:' \
        '--memory[guest memory]:size:' \
        '--timeout[time limit of the command]:duration:' \
        '*--disk[disk image]:file:_files' \
        '--console[show the kernel console]' \
        '*'{-e,--env}'[environment variable]:variable:' \
        {-w,--workdir}'[working directory]:directory:' \
        '--kvm-host[where it runs]:host:(auto native emulated)' \
        '*:command:_command_names'
      ;;
    image)
      if ((CURRENT == 3)); then
        _values command build ls inspect import export rm verify prune
      else
        case ${words[3]} in
          build)
            _arguments \
              '*:flavour:(minimal debian alpine agents)' \
              '--out[directory or file to write]:path:_files' \
              '--name[of the image in the store]:name:' \
              '--base[archive in place of a download]:file:_files' \
              '--mirror[of the packages]:url:' \
              '--busybox[a static BusyBox]:file:_files' \
              '--no-busybox[leave BusyBox out]' \
              '--no-deno[leave Deno out]' \
              '--with-claude-code[the real Claude Code]' \
              '--quiet[no progress]' \
              '--format[output]:format:(text json)'
            ;;
          import)
            _arguments \
              '*:name:' \
              '--kernel[guest kernel]:file:_files' \
              '--modules[modules of the kernel]:directory:_files -/' \
              '--initramfs[guest initramfs]:file:_files' \
              '--rootfs[ext4 root file system]:file:_files' \
              '--tar[archive of a root file system]:file:_files' \
              '--oci[container image]:file:_files' \
              '--ref[name of the container image]:name:' \
              '--cmdline[words for the kernel command line]:words:' \
              '--memory[guest memory that it must fit into]:size:' \
              '--force[replace an image of that name]' \
              '--format[output]:format:(text json)'
            ;;
          ls) _arguments '--format[output]:format:(text json)' ;;
          prune) _arguments '--dry-run[only list]' '--format[output]:format:(text json)' ;;
          export)
            _arguments '2:image:_voidbox_images' '3:directory:_files -/' \
              '--force[replace files]' '--format[output]:format:(text json)'
            ;;
          *) _arguments '*:image:_voidbox_images' '--format[output]:format:(text json)' ;;
        esac
      fi
      ;;
    host) _values command start stop status exec ;;
    doctor | version) _arguments '--format[output]:format:(text json)' ;;
    completion) _values shell bash zsh fish ;;
  esac
}
compdef _voidbox voidbox
)sh";

constexpr char kFish[] = R"sh(# fish completion of voidbox: voidbox completion fish | source
function __voidbox_images
  set -l home $VOIDBOX_HOME
  test -n "$home"; or set home (test -n "$XDG_DATA_HOME"; and echo $XDG_DATA_HOME; or echo $HOME/.local/share)/voidbox
  command ls $home/images/names 2>/dev/null
end
complete -c voidbox -f
complete -c voidbox -n __fish_use_subcommand -a run -d 'run a command in a new sandbox'
complete -c voidbox -n __fish_use_subcommand -a image -d 'what sandboxes boot from'
complete -c voidbox -n __fish_use_subcommand -a doctor -d 'say what this machine can do'
complete -c voidbox -n __fish_use_subcommand -a host -d 'the emulated KVM host'
complete -c voidbox -n __fish_use_subcommand -a version -d 'print the version'
complete -c voidbox -n __fish_use_subcommand -a completion -d 'print a completion script'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l image -xa '(__voidbox_images)' -d 'image of the store'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l kernel -rF -d 'guest kernel'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l initramfs -rF -d 'guest initramfs'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l rootfs -rF -d 'root file system'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l disk-size -x -d 'size of the root disk'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l overlay -rF -d 'file that keeps what is written to it'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l ephemeral -d 'throw away what is written to it'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l cmdline -x -d 'kernel command line'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l cpus -x -d 'virtual CPUs'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l memory -x -d 'guest memory'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l timeout -x -d 'time limit'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l disk -rF -d 'disk image'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l console -d 'show the kernel console'
complete -c voidbox -n '__fish_seen_subcommand_from run' -s e -l env -x -d 'environment variable'
complete -c voidbox -n '__fish_seen_subcommand_from run' -s w -l workdir -x -d 'working directory'
complete -c voidbox -n '__fish_seen_subcommand_from run' -l kvm-host -xa 'auto native emulated'
set -l image_commands build ls inspect import export rm verify prune
complete -c voidbox -n "__fish_seen_subcommand_from image; and not __fish_seen_subcommand_from $image_commands" -a "$image_commands"
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from inspect export rm verify' -a '(__voidbox_images)'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -a 'minimal debian alpine agents'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l out -rF -d 'directory or file to write'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l name -x -d 'of the image in the store'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l base -rF -d 'archive in place of a download'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l mirror -x -d 'of the packages'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l busybox -rF -d 'a static BusyBox'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l no-busybox -d 'leave BusyBox out'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l no-deno -d 'leave Deno out'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l with-claude-code -d 'the real Claude Code'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from build' -l quiet -d 'no progress'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l kernel -rF -d 'guest kernel'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l modules -rF -d 'modules of the kernel'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l initramfs -rF -d 'guest initramfs'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l rootfs -rF -d 'ext4 root file system'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l tar -rF -d 'archive of a root file system'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l oci -rF -d 'container image'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l ref -x -d 'name of the container image'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l cmdline -x -d 'kernel command line'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import' -l memory -x -d 'guest memory'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from import export' -l force -d 'replace what is there'
complete -c voidbox -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from prune' -l dry-run -d 'only list'
complete -c voidbox -n '__fish_seen_subcommand_from host' -a 'start stop status exec'
complete -c voidbox -n '__fish_seen_subcommand_from doctor version host image' -l format -xa 'text json'
complete -c voidbox -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
)sh";

}  // namespace

absl::StatusOr<std::string> CompletionScript(const std::string& shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return absl::InvalidArgumentError(
      absl::StrCat("shell '", shell, "' is not one of bash, zsh, fish"));
}

}  // namespace voidbox
