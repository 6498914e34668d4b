import type { Companion, Creative, Icon, Linear, MediaFile, NonLinear } from './model.js'
import { durationMs, links, numberOf, resources, textOf, texts, trackingEvents } from './read-values.js'
import type { XmlElement } from './xml-node.js'

export function readCreative(creative: XmlElement): Creative {
  const linear = creative.child('linear')
  const nonLinear = creative.child('nonlinearads')
  const companions = creative.child('companionads')
  return {
    id: creative.attribute('id'),
    adId: creative.attribute('adId'),
    sequence: numberOf(creative.attribute('sequence')),
    apiFramework: creative.attribute('apiFramework'),
    universalAdIds: creative.all('universaladid').map((id) => ({
      registry: id.attribute('idRegistry'),
      // VAST 4.0 has the value in an attribute as well, some documents only there.
      value: textOf(id) ?? id.attribute('idValue') ?? '',
    })),
    linear: linear === null ? null : readLinear(linear),
    nonLinear:
      nonLinear === null
        ? null
        : { trackingEvents: trackingEvents(nonLinear), items: nonLinear.all('nonlinear').map(readNonLinear) },
    companions:
      companions === null
        ? null
        : {
            required: companions.attribute('required'),
            items: companions.all('companion').map(readCompanion),
          },
  }
}

function readLinear(linear: XmlElement): Linear {
  const clicks = linear.child('videoclicks')
  const media = linear.child('mediafiles')
  return {
    durationMs: durationMs(textOf(linear.child('duration'))),
    skipOffset: linear.attribute('skipoffset'),
    trackingEvents: trackingEvents(linear),
    clickThrough: textOf(clicks?.child('clickthrough') ?? null),
    clickTracking: links(clicks, 'clicktracking'),
    customClicks: links(clicks, 'customclick'),
    mediaFiles: mediaFiles(media, 'mediafile'),
    mezzanines: mediaFiles(media, 'mezzanine'),
    interactiveFiles: [
      ...mediaFiles(media, 'interactivecreativefile'),
      ...mediaFiles(linear, 'interactivecreativefile'),
    ],
    icons: linear.path('icons', 'icon').map(readIcon),
    adParameters: textOf(linear.child('adparameters')),
  }
}

function mediaFiles(parent: XmlElement | null, key: string): MediaFile[] {
  return (parent?.all(key) ?? [])
    .map((file) => ({
      id: file.attribute('id'),
      url: file.text,
      delivery: file.attribute('delivery'),
      type: file.attribute('type'),
      width: numberOf(file.attribute('width')),
      height: numberOf(file.attribute('height')),
      bitrateKbps: numberOf(file.attribute('bitrate')),
      minBitrateKbps: numberOf(file.attribute('minBitrate')),
      maxBitrateKbps: numberOf(file.attribute('maxBitrate')),
      fileSizeBytes: numberOf(file.attribute('fileSize')),
      codec: file.attribute('codec'),
      apiFramework: file.attribute('apiFramework'),
    }))
    .filter(({ url }) => url !== '')
}

function readIcon(icon: XmlElement): Icon {
  const clicks = icon.child('iconclicks')
  return {
    ...resources(icon),
    program: icon.attribute('program'),
    width: numberOf(icon.attribute('width')),
    height: numberOf(icon.attribute('height')),
    clickThrough: textOf(clicks?.child('iconclickthrough') ?? null),
    clickTracking: links(clicks, 'iconclicktracking'),
    viewTracking: texts(icon, 'iconviewtracking'),
  }
}

function readNonLinear(item: XmlElement): NonLinear {
  return {
    ...resources(item),
    id: item.attribute('id'),
    width: numberOf(item.attribute('width')),
    height: numberOf(item.attribute('height')),
    minSuggestedDurationMs: durationMs(item.attribute('minSuggestedDuration')),
    apiFramework: item.attribute('apiFramework'),
    clickThrough: textOf(item.child('nonlinearclickthrough')),
    clickTracking: links(item, 'nonlinearclicktracking'),
    adParameters: textOf(item.child('adparameters')),
  }
}

function readCompanion(item: XmlElement): Companion {
  return {
    ...resources(item),
    id: item.attribute('id'),
    width: numberOf(item.attribute('width')),
    height: numberOf(item.attribute('height')),
    adSlotId: item.attribute('adSlotId'),
    clickThrough: textOf(item.child('companionclickthrough')),
    clickTracking: links(item, 'companionclicktracking'),
    trackingEvents: trackingEvents(item),
    altText: textOf(item.child('alttext')),
    adParameters: textOf(item.child('adparameters')),
  }
}
