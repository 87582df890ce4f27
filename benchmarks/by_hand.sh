#!/usr/bin/env bash
# The commands of an experienced administrator for the same result, following the documentation of kubeadm ("Installing kubeadm",
# "Creating a cluster with kubeadm", "kubeadm reset"), on all hosts in parallel where possible. A reference for measuring the playbooks,
# not an example: it requires fresh hosts and cannot be run a second time.
#
# by_hand.sh WHAT SSH_OPTIONS_FILE BUNDLE_KEY REGISTRY_CA UTILITY FLANNEL_MANIFEST MASTER NODE...   (addresses; prints "stage seconds")
#   install  install a cluster on fresh hosts
#   renew    remove the cluster without residue, and install a new one on the same hosts
#   node     remove node1 from the cluster without residue, and join it again
set -euo pipefail
what=$1 ssh_options=$2 key=$3 ca=$4 utility=$5 manifest=$6 master=$7
shift 6
machines=("$@")
names=(master node1 node2)
workers=("${!machines[@]}")
workers=("${workers[@]:1}")
version=1.36.3 containerd=2.4.2
began=$EPOCHREALTIME

on() { local machine=$1; shift; ssh -F "$ssh_options" "root@$machine" "$@"; }

# Run the script on standard input on every given host, in parallel; fail if one fails.
everywhere() {
  local script pids=() machine
  script=$(cat)
  for machine in "$@"; do on "$machine" bash -euo pipefail -s <<<"$script" & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

stage() { local now=$EPOCHREALTIME; awk -v n="$1" -v a="$began" -v b="$now" 'BEGIN {printf "%s %.2f\n", n, b - a}'; began=$now; }

kubectl() { on "$master" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

prepare() {
hosts="$utility utility.example.com utility"
for i in "${!machines[@]}"; do hosts+=$'\n'"${machines[i]} ${names[i]}.example.com ${names[i]}"; done
for i in "${!machines[@]}"; do on "${machines[i]}" hostnamectl set-hostname "${names[i]}" & done; wait

# Settings for a shared kernel, as in the lab's group_vars
everywhere "${machines[@]}" <<SCRIPT
printf '%s\n' '$hosts' >> /etc/hosts
printf 'overlay\nbr_netfilter\n' > /etc/modules-load.d/k8s.conf
printf 'net.ipv4.ip_forward=1\nnet.bridge.bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables=1\n' > /etc/sysctl.d/k8s.conf
sysctl -q -p /etc/sysctl.d/k8s.conf
SCRIPT
}

packages() {
everywhere "${machines[@]}" <<SCRIPT
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/apt/keyrings
cat > /etc/apt/keyrings/kubernetes.asc <<'KEY'
$(cat "$key")
KEY
printf 'deb [signed-by=/etc/apt/keyrings/kubernetes.asc] http://$utility:8080/%s ./\n' apt os/debian-13 \
    > /etc/apt/sources.list.d/kubernetes.list
apt-get update -qq -o Dir::Etc::sourcelist=sources.list.d/kubernetes.list -o Dir::Etc::sourceparts=-
apt-get install -qq -y --no-install-recommends containerd=$containerd-* kubelet=$version-* kubeadm=$version-* kubectl=$version-* >/dev/null
apt-mark hold containerd kubelet kubeadm kubectl >/dev/null
SCRIPT
}

runtime() {
everywhere "${machines[@]}" <<SCRIPT
mkdir -p /etc/containerd
cat > /etc/containerd/config.toml <<'TOML'
version = 3
[plugins."io.containerd.cri.v1.images".registry]
config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
TOML
cat > /etc/containerd/utility.crt <<'PEM'
$(cat "$ca")
PEM
for registry in registry.k8s.io ghcr.io docker.io quay.io; do
  mkdir -p /etc/containerd/certs.d/\$registry
  printf 'server = "https://%s"\n[host."https://$utility:5000"]\ncapabilities = ["pull", "resolve"]\nca = "/etc/containerd/utility.crt"\n' \$registry \
    > /etc/containerd/certs.d/\$registry/hosts.toml
done
systemctl enable -q --now containerd
systemctl restart containerd
systemctl enable -q --now kubelet
SCRIPT
}

init() {
on "$master" bash -euo pipefail -s <<SCRIPT
cat > /root/kubeadm.yml <<'YAML'
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $master}
nodeRegistration: {name: master, criSocket: "unix:///run/containerd/containerd.sock", kubeletExtraArgs: [{name: node-ip, value: $master}]}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$version
controlPlaneEndpoint: $master:6443
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
featureGates: {KubeletInUserNamespace: true}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
kubeadm init --config /root/kubeadm.yml --ignore-preflight-errors=SystemVerification >/root/init.log 2>&1 || { cat /root/init.log; exit 1; }
SCRIPT
}

network() {
on "$master" kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f - < "$manifest" >/dev/null
}

# join NUMBER...: join these workers in parallel, with one token
join() {
local words pids=() i
words=$(on "$master" kubeadm token create --print-join-command 2>/dev/null)
for i in "$@"; do
  on "${machines[i]}" "$words --node-name ${names[i]} --ignore-preflight-errors=SystemVerification >/root/join.log 2>&1" & pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
}

# clean MACHINE...: run kubeadm reset, and remove what it names as remaining, without flushing rules of others
clean() {
everywhere "$@" <<'SCRIPT'
kubeadm reset -f >/root/reset.log 2>&1 || { cat /root/reset.log; exit 1; }
systemctl stop kubelet
rm -rf /etc/cni/net.d/10-flannel.conflist /var/lib/cni /run/flannel /var/log/pods /var/log/containers /root/.kube
for link in cni0 flannel.1; do ip link del $link 2>/dev/null || true; done
for family in ip ip6; do nft delete table $family kube-proxy 2>/dev/null || true; done
for tables in iptables ip6tables; do
  $tables-save | grep -v -E 'KUBE-|FLANNEL-|CNI-' | $tables-restore
done
SCRIPT
}

case $what in
install)
  prepare; stage prepare
  packages; stage packages
  runtime; stage runtime
  init; stage init
  network; stage network
  join "${workers[@]}"; stage join
  ;;
renew)
  clean "${machines[@]}"; stage reset
  everywhere "${machines[@]}" <<<'systemctl start kubelet'; stage kubelet
  init; stage init
  network; stage network
  join "${workers[@]}"; stage join
  ;;
node)
  kubectl drain node1 --ignore-daemonsets --delete-emptydir-data --force --timeout=60s >/dev/null 2>&1; stage drain
  kubectl delete node node1 >/dev/null; stage delete
  clean "${machines[1]}"; stage reset
  join 1; stage join
  ;;
*) echo "by_hand.sh: expected install, renew or node, found '$what'." >&2; exit 2 ;;
esac
