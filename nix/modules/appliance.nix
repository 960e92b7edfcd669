# SPDX-License-Identifier: MIT
# xtcp2 as a machine of its own, from a disk image that any UEFI firmware boots.
#
# The disk has three partitions: the boot partition, the Nix store (read-only) and the data.
# The root is in memory, so that nothing but /var/lib survives a reboot. Settings come from
# xtcp2.env on the boot partition and from words xtcp2.env.NAME=VALUE of the kernel command
# line (guest/appliance/settings).
# There is no login: neither on the console nor over the network.
{
  config,
  lib,
  modulesPath,
  pkgs,
  ...
}:
let
  # Disks of virtual machines and computers, beside those that NixOS's initrd looks for anyway (AHCI, NVMe, SCSI).
  disks = [
    "virtio_pci"
    "virtio_blk"
    "virtio_scsi"
    "usb_storage"
    "uas"
  ]
  ++ lib.optionals pkgs.stdenv.hostPlatform.isx86 [
    "hv_storvsc"
    "mptspi"
    "vmw_pvscsi"
    "xen_blkfront"
  ];
  efi = lib.toUpper pkgs.stdenv.hostPlatform.efiArch;
  uki = config.system.boot.loader.ukiFile;
in
{
  imports = [ "${modulesPath}/image/repart.nix" ];

  services.xtcp2.enable = true;
  systemd.services = {
    xtcp2.serviceConfig.EnvironmentFile = [ "-/run/xtcp2-appliance/env" ];
    xtcp2-settings = {
      description = "Settings of xtcp2 from the boot partition and the kernel command line";
      wantedBy = [ "multi-user.target" ];
      before = [ "xtcp2.service" ];
      unitConfig.RequiresMountsFor = "/boot";
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${pkgs.runtimeShell} ${../../guest/appliance/settings}";
      };
    };
    # Nobody logs in; whoever wants to can say otherwise.
    "getty@tty1".enable = lib.mkDefault false;
    "serial-getty@ttyS0".enable = lib.mkDefault false;
    "serial-getty@ttyAMA0".enable = lib.mkDefault false;
  };
  services.openssh.enable = lib.mkDefault false;
  users.mutableUsers = false;
  users.allowNoPasswordLogin = true;

  boot = {
    initrd.systemd.enable = true;
    initrd.availableKernelModules = disks;
    initrd.supportedFilesystems = [
      "erofs"
      "ext4"
    ];
    kernelParams = [
      # An emulated machine on a busy host fails the check of a timer that works.
      "no_timer_check"
      "console=tty0"
      "console=${if pkgs.stdenv.hostPlatform.isAarch64 then "ttyAMA0" else "ttyS0"},115200"
    ];
    loader.grub.enable = false;
  };

  fileSystems = {
    "/" = {
      fsType = "tmpfs";
      options = [ "mode=0755" ];
    };
    "/image" = {
      device = "/dev/disk/by-partlabel/xtcp2-store";
      fsType = "erofs";
      options = [ "ro" ];
      neededForBoot = true;
    };
    "/nix/store" = {
      device = "/image/nix/store";
      fsType = "none";
      options = [ "bind" ];
      depends = [ "/image" ];
      neededForBoot = true;
    };
    "/boot" = {
      device = "/dev/disk/by-partlabel/xtcp2-boot";
      fsType = "vfat";
      options = [
        "ro"
        "umask=0077"
      ];
    };
    "/var/lib" = {
      device = "/dev/disk/by-partlabel/xtcp2-data";
      fsType = "ext4";
      neededForBoot = true;
    };
  };

  image.repart = {
    name = "xtcp2-appliance";
    partitions = {
      "10-boot" = {
        contents = {
          "/EFI/BOOT/BOOT${efi}.EFI".source = "${config.system.build.uki}/${uki}";
          "/xtcp2.env".source = ../../guest/appliance/xtcp2.env;
        };
        repartConfig = {
          Type = "esp";
          Label = "xtcp2-boot";
          Format = "vfat";
          SizeMinBytes = "256M";
        };
      };
      "20-store" = {
        storePaths = [ config.system.build.toplevel ];
        repartConfig = {
          Type = "linux-generic";
          Label = "xtcp2-store";
          Format = "erofs";
          Minimize = "best";
        };
      };
      "30-data".repartConfig = {
        Type = "linux-generic";
        Label = "xtcp2-data";
        Format = "ext4";
        SizeMinBytes = "512M";
        SizeMaxBytes = "512M";
      };
    };
  };

  documentation.enable = false;
  networking.hostName = lib.mkDefault "xtcp2";
  networking.useDHCP = lib.mkDefault true;
  nix.enable = false;
  system.stateVersion = "26.05";
}
