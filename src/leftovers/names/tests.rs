//! A line for each way in which cgroups are named.

use super::*;

const ID: &str = "7f3c0e5d9a41b2c8e6f07d13a95b4c7280fe16d3925ab7c4e1d80f6b23a94c57";
const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

fn of(path: &str) -> CgroupName {
    let uid = UID.replace('-', "_");
    let path = path
        .replace("ID64", ID)
        .replace("UID_", &uid)
        .replace("UID", UID);
    let parts: Vec<&str> = path.split('/').collect();
    let (last, above) = parts.split_last().unwrap();
    parse(above, last)
}

#[test]
fn every_producer_is_told_by_its_name() {
    use Producer as P;
    for (path, producer, id) in [
        ("system.slice/runc-web.scope", P::Runc, "web"),
        (
            "user.slice/user-7.slice/user@7.service/user.slice/runc-a.b.scope",
            P::Runc,
            "a.b",
        ),
        ("system.slice/crun-web.scope", P::Crun, "web"),
        (":youki:web", P::Youki, "web"),
        ("youki/web", P::Youki, "web"),
        ("system.slice/youki-web.scope", P::Youki, "web"),
        ("docker/ID64", P::Docker, ID),
        ("docker/buildkit/ID64", P::Docker, ID),
        ("my.parent/ID64", P::Runtime, ID),
        ("ID64", P::Runtime, ID),
        ("system.slice/docker-ID64.scope", P::Docker, ID),
        ("default/web", P::Containerd, "web"),
        ("k8s.io/ID64", P::Containerd, ID),
        ("moby/ID64", P::Docker, ID),
        ("system.slice/nerdctl-ID64.scope", P::Containerd, ID),
        ("kubepods/burstable/podUID/ID64", P::Containerd, ID),
        ("kubepods/podUID/crio-ID64", P::CriO, ID),
        (
            "kubepods.slice/kubepods-podUID_.slice/cri-containerd-ID64.scope",
            P::Containerd,
            ID,
        ),
        ("kubepods.slice/x.slice/crio-ID64.scope", P::CriO, ID),
        (
            "kubepods-podUID_.slice:cri-containerd:ID64",
            P::Containerd,
            ID,
        ),
        ("a.slice:x:web", P::Runtime, "web"),
        ("system.slice/crio-conmon-ID64.scope", P::CriO, ID),
        ("machine.slice/libpod-ID64.scope", P::Podman, ID),
        ("machine.slice/libpod-conmon-ID64.scope", P::Podman, ID),
        ("libpod_parent/libpod-ID64", P::Podman, ID),
        ("x.service/libpod-payload-ID64", P::Podman, ID),
        ("lxc.payload.web", P::Lxc, "web"),
        ("lxc.monitor.web", P::Lxc, "web"),
        ("ecs/task/ID64", P::Runtime, ID),
        ("kata_ID64", P::Kata, ID),
        ("kata_overhead/web", P::Kata, "web"),
        ("nomad.slice/UID.web.scope", P::Nomad, "UID.web"),
    ] {
        let id = id.replace("UID", UID);
        assert_eq!(of(path), CgroupName::Container(producer, id), "{path}");
    }
}

#[test]
fn pods_are_told_from_their_containers() {
    use Producer as P;
    for (path, producer) in [
        ("kubepods/burstable/podUID", P::Kubelet),
        ("kubepods/podUID", P::Kubelet),
        (
            "kubepods.slice/kubepods-burstable-podUID_.slice",
            P::Kubelet,
        ),
        ("kubelet.slice/kubelet-kubepods-podUID_.slice", P::Kubelet),
        ("machine.slice/machine-libpod_pod_ID64.slice", P::Podman),
    ] {
        assert!(
            matches!(of(path), CgroupName::Pod(found, _) if found == producer),
            "{path}"
        );
    }
}

#[test]
fn look_alikes_are_none() {
    for path in [
        "web",
        "test",
        "c1",
        "process_api/0679feefa17c6ed19b77f8f9f8ec2269",
        "docker-ID64",
        "system.slice/docker-7f3c.scope",
        "runc-web",
        "podUID",
        "pod-of-mine",
        "kubepods/pod123",
        "default/a/web",
        "a/default/web",
        "libpod-web",
        "kata_web",
        "youki/a/b",
        "a.slice:x:",
        ":youki:a/b",
    ] {
        let name = of(path);
        assert!(
            matches!(name, CgroupName::Plain | CgroupName::Unit),
            "{path}: {name:?}"
        );
    }
    let upper = format!("docker/{}", ID.to_uppercase());
    assert_eq!(of(&upper), CgroupName::Plain);
}

#[test]
fn units_and_what_many_share_are_neither() {
    for path in [
        "system.slice",
        "system.slice/docker.service",
        "system.slice/containerd.service",
        "user.slice/user-0.slice/session-1.scope",
        "machine.slice/machine-qemu.scope",
        "machine.slice",
        "init.scope",
        "kubepods.slice/kubepods-burstable.slice",
        "system.slice/runc-.scope",
        "nomad.slice/share.slice",
        "nomad.slice/UID.a b.scope",
    ] {
        assert_eq!(of(path), CgroupName::Unit, "{path}");
    }
    for path in [
        "docker",
        "kubepods",
        "kubepods/burstable",
        "libpod_parent",
        "libpod_parent/conmon",
        "youki",
        "default",
        "k8s.io",
        "lxc",
        "ecs",
    ] {
        assert_eq!(of(path), CgroupName::Shared, "{path}");
    }
}
